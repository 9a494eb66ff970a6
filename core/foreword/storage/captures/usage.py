"""The room that captured requests take, kept beside them in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from foreword.storage.tables import CapturedRequestRow, CaptureUsageRow, DeploymentRow

BATCH: Final = 500
"""Number of requests that a statement deletes at most."""

WITHOUT_FEEDBACK: Final = CapturedRequestRow.feedback_time.is_(None)
WITH_FEEDBACK: Final = CapturedRequestRow.feedback_time.is_not(None)
NOT_CAPTURED: Final = CapturedRequestRow.captured.is_(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Requests that were deleted: their number, and when they were stored, ascending."""

    count: int
    times: tuple[datetime, ...]


class DeploymentUsage:
    """The usage of one deployment, within a transaction that is serialised for its tenant."""

    def __init__(self, session: Session, deployment: DeploymentRow) -> None:
        self._session = session
        self._tenant = deployment.tenant
        found = session.get(CaptureUsageRow, deployment.key)
        if found is None:
            found = CaptureUsageRow(
                deployment_key=deployment.key, tenant=deployment.tenant, request_count=0, byte_size=0
            )
            session.add(found)
        self._row = found

    @property
    def request_count(self) -> int:
        """Number of captured requests of the deployment."""
        return self._row.request_count

    def tenant_bytes(self) -> int:
        """Return the room that the captured requests of all deployments of the tenant take."""
        self._session.flush()
        total = self._session.scalars(
            select(func.sum(CaptureUsageRow.byte_size)).where(CaptureUsageRow.tenant == self._tenant)
        ).one()
        return int(total or 0)

    def judged_count(self) -> int:
        """Return the number of requests of the deployment that have feedback."""
        self._session.flush()
        mine = CapturedRequestRow.deployment_key == self._row.deployment_key
        return self._session.scalars(select(func.count()).where(mine, WITH_FEEDBACK)).one()

    def judged_bytes(self) -> int:
        """Return the room that the requests of the deployment take which have feedback."""
        self._session.flush()
        mine = CapturedRequestRow.deployment_key == self._row.deployment_key
        total = self._session.scalars(select(func.sum(CapturedRequestRow.byte_size)).where(mine, WITH_FEEDBACK)).one()
        return int(total or 0)

    def uncaptured_count(self) -> int:
        """Return the number of requests of the deployment that were not captured, which have feedback only."""
        self._session.flush()
        mine = CapturedRequestRow.deployment_key == self._row.deployment_key
        return self._session.scalars(select(func.count()).where(mine, NOT_CAPTURED)).one()

    def uncaptured_bytes(self) -> int:
        """Return the room that requests which were not captured take in all deployments of the tenant."""
        self._session.flush()
        deployments = select(CaptureUsageRow.deployment_key).where(CaptureUsageRow.tenant == self._tenant)
        total = self._session.scalars(
            select(func.sum(CapturedRequestRow.byte_size)).where(
                CapturedRequestRow.deployment_key.in_(deployments), NOT_CAPTURED
            )
        ).one()
        return int(total or 0)

    def add(self, request_count: int, byte_size: int) -> None:
        """Note that requests were stored."""
        self._row.request_count += request_count
        self._row.byte_size += byte_size

    def delete(self, condition: ColumnElement[bool], order: Sequence[Any] = (CapturedRequestRow.key,)) -> Deleted:
        """Delete requests of the deployment that meet a condition, at most `BATCH`.

        Args:
            order: Which of them are deleted first.
        """
        found = self._session.execute(
            select(CapturedRequestRow.key, CapturedRequestRow.byte_size, CapturedRequestRow.create_time)
            .where(CapturedRequestRow.deployment_key == self._row.deployment_key, condition)
            .order_by(*order)
            .limit(BATCH)
        ).all()
        self._delete([key for key, _, _ in found], sum(size for _, size, _ in found))
        return Deleted(count=len(found), times=tuple(sorted({time for _, _, time in found})))

    def make_room(self, request_count: int, byte_size: int, condition: ColumnElement[bool] = WITHOUT_FEEDBACK) -> None:
        """Delete the oldest requests that meet a condition until so many and their bytes are gone, or none is left."""
        while request_count > 0 or byte_size > 0:
            found = self._session.execute(
                select(CapturedRequestRow.key, CapturedRequestRow.byte_size)
                .where(
                    CapturedRequestRow.deployment_key == self._row.deployment_key,
                    condition,
                )
                .order_by(CapturedRequestRow.key)
                .limit(BATCH)
            ).all()
            if not found:
                return
            going: list[int] = []
            freed = 0
            for key, size in found:
                if len(going) >= request_count and freed >= byte_size:
                    break
                going.append(key)
                freed += size
            self._delete(going, freed)
            request_count -= len(going)
            byte_size -= freed

    def _delete(self, keys: Sequence[int], byte_size: int) -> None:
        if keys:
            self._session.execute(delete(CapturedRequestRow).where(CapturedRequestRow.key.in_(keys)))
            self.add(-len(keys), -byte_size)
