"""The requests that the servers of a database capture, which they add in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from foreword.domain.capture import SeenRequest, is_correct
from foreword.names import DeploymentName
from foreword.storage.captures.rows import resize, right_answer, size_of_seen
from foreword.storage.captures.usage import WITH_FEEDBACK, DeploymentUsage
from foreword.storage.database import Database
from foreword.storage.repositories.revisions import capture_of
from foreword.storage.tables import CapturedRequestRow, DeploymentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCounts:
    """What became of the requests of a batch.

    Attributes:
        stored: Number of new requests.
        repeated: Number of requests whose id was stored before.
        full: Number of requests for which there was no room.
        off: Number of requests of a deployment that is gone or captures nothing any more.
    """

    stored: int = 0
    repeated: int = 0
    full: int = 0
    off: int = 0


class CaptureLedger:
    """The writer of captured requests.

    A batch is stored as a whole or not at all, and a request is stored once however often it is added.

    Args:
        max_tenant_bytes: Room that the captured requests of a tenant may take.
    """

    def __init__(self, database: Database, *, max_tenant_bytes: int) -> None:
        self._database = database
        self._max_tenant_bytes = max_tenant_bytes

    def add(self, deployment: DeploymentName, create_time: datetime, requests: Sequence[SeenRequest]) -> CaptureCounts:
        """Store redacted requests of a deployment. The oldest ones make room, those without feedback first.

        Requests with feedback keep half of the room, so that feedback on everything does not end the capture. Beyond
        it, the oldest of them make room as well.

        Args:
            create_time: When the deployment was created: another one may have its name by now.
        """
        with self._database.write_tenant(deployment.tenant) as session:
            row = session.scalars(
                select(DeploymentRow).where(
                    DeploymentRow.tenant == deployment.tenant,
                    DeploymentRow.space == deployment.space,
                    DeploymentRow.id == deployment.deployment,
                    DeploymentRow.create_time == create_time,
                )
            ).one_or_none()
            if row is None or not capture_of(row).share:
                return CaptureCounts(off=len(requests))
            usage = DeploymentUsage(session, row)
            new, completed = _new(session, row, requests, usage)
            kept = self._make_room(usage, new, capture_of(row).max_requests)
            now = self._database.clock(session)
            if kept:
                session.flush()  # the row of the usage
                session.execute(insert(CapturedRequestRow), [_values(row, item, now) for item in kept])
            return CaptureCounts(
                stored=len(kept) + completed,
                repeated=len(requests) - len(new) - completed,
                full=len(new) - len(kept),
            )

    def _make_room(
        self, usage: DeploymentUsage, requests: Sequence[SeenRequest], max_requests: int
    ) -> Sequence[SeenRequest]:
        """Return the newest requests for which there is room, and count them."""
        kept = list(requests[-max_requests:])
        sizes = [size_of_seen(item) for item in kept]
        usage.make_room(
            usage.request_count + len(kept) - max_requests,
            usage.tenant_bytes() + sum(sizes) - self._max_tenant_bytes,
        )
        missing = usage.request_count + len(kept) - max_requests
        missing_bytes = usage.tenant_bytes() + sum(sizes) - self._max_tenant_bytes
        if missing > 0 or missing_bytes > 0:
            usage.make_room(
                min(missing, usage.judged_count() - max_requests // 2),
                min(missing_bytes, usage.judged_bytes() - self._max_tenant_bytes // 2),
                WITH_FEEDBACK,
            )
        free = self._max_tenant_bytes - usage.tenant_bytes()
        places = max_requests - usage.request_count
        while kept and (sum(sizes) > free or len(kept) > places):
            kept.pop(0)
            sizes.pop(0)
        usage.add(len(kept), sum(sizes))
        return kept


def _new(
    session: Session, deployment: DeploymentRow, requests: Sequence[SeenRequest], usage: DeploymentUsage
) -> tuple[list[SeenRequest], int]:
    """Complete the requests whose feedback came first, and return those whose id is not stored, the first of each id.

    Returns:
        The new requests, and the number of those that were completed.
    """
    by_id: dict[str, SeenRequest] = {}
    for item in requests:
        by_id.setdefault(item.request_id, item)
    known = session.scalars(
        select(CapturedRequestRow).where(
            CapturedRequestRow.deployment_key == deployment.key, CapturedRequestRow.request_id.in_(by_id)
        )
    ).all()
    completed = 0
    for row in known:
        seen = by_id.pop(row.request_id)
        if not row.captured:
            _complete(row, seen, usage)
            completed += 1
    return list(by_id.values()), completed


def _complete(row: CapturedRequestRow, seen: SeenRequest, usage: DeploymentUsage) -> None:
    """Add a request to its feedback, which another server has stored before it."""
    for name, value in _of_seen(seen).items():
        setattr(row, name, value)
    row.captured = True
    row.correct = is_correct(seen, right_answer(row))
    resize(row, usage)


def _values(deployment: DeploymentRow, seen: SeenRequest, now: datetime) -> dict[str, object]:
    return {
        "deployment_key": deployment.key,
        "tenant": deployment.tenant,
        "request_id": seen.request_id,
        **_of_seen(seen),
        "byte_size": size_of_seen(seen),
        "create_time": now,
    }


def _of_seen(seen: SeenRequest) -> dict[str, object]:
    return {
        "revision": seen.revision,
        "model": seen.model,
        "input": seen.input,
        "output": seen.output,
        "labels": None if seen.labels is None else list(seen.labels),
        "probability": seen.probability,
        "threshold": seen.threshold,
        "abstained": seen.abstained,
    }
