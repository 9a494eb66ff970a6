"""Feedback about the answers to requests, of which the last one counts."""

from __future__ import annotations

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from foreword.domain.capture import CapturedRequest, Feedback, is_correct
from foreword.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from foreword.names import DeploymentName
from foreword.storage.captures.repository import require_deployment
from foreword.storage.captures.rows import resize, right_answer, to_captured_request, to_feedback
from foreword.storage.captures.usage import NOT_CAPTURED, DeploymentUsage
from foreword.storage.database import Database
from foreword.storage.repositories.revisions import capture_of
from foreword.storage.tables import CapturedRequestRow, DeploymentRow


class FeedbackRepository:
    """The feedback about the deployments of one tenant.

    Args:
        max_tenant_bytes: Room that the captured requests and the feedback of a tenant may take.
    """

    def __init__(self, database: Database, tenant: str, *, max_tenant_bytes: int) -> None:
        self._database = database
        self._tenant = tenant
        self._max_tenant_bytes = max_tenant_bytes

    def submit(
        self, deployment: DeploymentName, request_id: str, feedback: Feedback, input: str = ""
    ) -> CapturedRequest:
        """Store feedback about the answer to a request, in the place of an earlier one.

        Feedback that is stored already keeps its time. All texts must be redacted.

        Args:
            input: Input of the request; needed if it was not captured.

        Raises:
            NotFoundError: The deployment does not exist, or the request was not captured and there is no input.
            InvalidArgumentError: The right answer is of another kind than the answer.
            FailedPreconditionError: The request was not captured, and there is no room for it.
        """
        with self._database.write_tenant(self._tenant) as session:
            owner = require_deployment(session, self._tenant, deployment.space, deployment.deployment)
            row = session.scalars(
                select(CapturedRequestRow).where(
                    CapturedRequestRow.deployment_key == owner.key, CapturedRequestRow.request_id == request_id
                )
            ).one_or_none()
            usage = DeploymentUsage(session, owner)
            size = 0 if row is None else row.byte_size
            if row is None:
                if not input:
                    raise _not_captured(deployment, request_id)
                row = self._add(session, owner, usage, request_id, input)
            elif row.captured:
                _check_kind(row, feedback)
            elif input:
                row.input = input
            stored = to_feedback(row)
            if stored is None or not _is_same(stored, feedback):
                self._set(session, row, feedback)
            resize(row, usage)
            if not row.captured and row.byte_size > size:
                self._make_room(session, owner, usage, row)
            return to_captured_request(row)

    def _add(
        self, session: Session, owner: DeploymentRow, usage: DeploymentUsage, request_id: str, input: str
    ) -> CapturedRequestRow:
        """Add a request that was not captured, with its input only."""
        row = CapturedRequestRow(
            deployment_key=owner.key,
            tenant=owner.tenant,
            request_id=request_id,
            revision=0,
            model="",
            input=input,
            output="",
            captured=False,
            comment="",
            byte_size=0,
            create_time=self._database.clock(session),
        )
        usage.add(1, 0)  # its size follows
        session.add(row)
        return row

    def _make_room(
        self, session: Session, owner: DeploymentRow, usage: DeploymentUsage, row: CapturedRequestRow
    ) -> None:
        """Delete older requests, because one that was not captured is new or has grown.

        Anybody may invent their ids, so they get half of the room only. Beyond that, the oldest of their kind are
        deleted, and below it the oldest captured ones without feedback.

        Raises:
            FailedPreconditionError: There is no room for it.
        """
        most = capture_of(owner).max_requests
        most_uncaptured, most_uncaptured_bytes = max(1, most // 2), self._max_tenant_bytes // 2
        session.flush()
        usage.make_room(
            usage.uncaptured_count() - most_uncaptured,
            usage.uncaptured_bytes() - most_uncaptured_bytes,
            and_(NOT_CAPTURED, CapturedRequestRow.key != row.key),
        )
        usage.make_room(usage.request_count - most, usage.tenant_bytes() - self._max_tenant_bytes)
        if (
            usage.request_count > most
            or usage.tenant_bytes() > self._max_tenant_bytes
            or usage.uncaptured_bytes() > most_uncaptured_bytes
        ):
            raise FailedPreconditionError(
                f"There is no room for a request that was not captured: {owner.serving_name} has "
                f"{usage.request_count - 1:,} of at most {most:,} requests, and those of the tenant may take "
                f"{self._max_tenant_bytes:,} bytes, of which those that were not captured get half. "
                "Export and delete some, or raise max_requests of the deployment.",
                reason="CAPTURES_FULL",
            )

    def _set(self, session: Session, row: CapturedRequestRow, feedback: Feedback) -> None:
        right = feedback.right
        row.right_labels = None if right is None or right.labels is None else list(right.labels)
        row.right_output = None if right is None else right.output
        row.comment, row.score, row.author = feedback.comment, feedback.score, feedback.author
        row.feedback_time = self._database.clock(session)
        row.correct = is_correct(to_captured_request(row).seen, right_answer(row)) if row.captured else None


def _is_same(stored: Feedback, given: Feedback) -> bool:
    known = (stored.right, stored.comment, stored.score, stored.author)
    return known == (given.right, given.comment, given.score, given.author)


def _check_kind(row: CapturedRequestRow, feedback: Feedback) -> None:
    """Raise an error if the right answer has labels and the answer is text, or the reverse."""
    right = feedback.right
    if right is None:
        return
    if right.labels is not None and row.labels is None:
        raise InvalidArgumentError.of(
            "feedback.right_labels", "cannot be compared with an answer that is any text; set right_output instead"
        )
    if right.output is not None and row.labels is not None:
        raise InvalidArgumentError.of(
            "feedback.right_output", "cannot be compared with an answer that has labels; set right_labels instead"
        )


def _not_captured(deployment: DeploymentName, request_id: str) -> NotFoundError:
    return NotFoundError(
        f"{deployment} has captured no request with the id {request_id[:160]!r}. Check the id, or send the input of "
        "the request along. A request that another server has answered within the last second is not stored yet.",
        reason="REQUEST_NOT_CAPTURED",
        metadata={"request_id": request_id[:160]},
    )
