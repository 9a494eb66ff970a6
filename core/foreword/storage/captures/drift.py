"""Stored reports of drift, when they are due, and the samples of training data on which they rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select

from foreword.domain.capture import CapturedRequest
from foreword.domain.drift import DriftReport, DriftVerdict, TrainingSample
from foreword.names import DeploymentName
from foreword.storage.active_tenants import of_active_tenant
from foreword.storage.captures.repository import require_deployment
from foreword.storage.captures.rows import to_captured_request
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.events.deployment_events import publish_drift
from foreword.storage.repositories.revisions import capture_of
from foreword.storage.tables import (
    CapturedRequestRow,
    CaptureUsageRow,
    DeploymentRow,
    DriftReportRow,
    TrainingSampleRow,
    TunedModelRow,
)

INTERVAL: Final = timedelta(minutes=10)
"""Time after which the requests of a deployment are compared again."""
DRIFTED_LOOKS: Final = 4
"""Looks in a row that show a drift, after which it is an event: half an hour, as for the alert `ForewordDrift`.

A single look may be wrong by chance.
"""
_MOST_DUE: Final = 20


class DriftData:
    """What the requests of one tenant's deployments are compared with."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def newest_requests(
        self, space: str, deployment: str, *, model: str, limit: int, since: datetime | None = None
    ) -> list[CapturedRequest]:
        """Return the newest captured requests that a model has answered, newest first.

        Args:
            model: Resource name of the model.
            since: Time before which requests do not count; None for any.

        Raises:
            NotFoundError: The deployment does not exist in the tenant.
        """
        with self._database.read() as session:
            owner = require_deployment(session, self._tenant, space, deployment)
            query = select(CapturedRequestRow).where(
                CapturedRequestRow.deployment_key == owner.key,
                CapturedRequestRow.captured,
                CapturedRequestRow.model == model,
            )
            if since is not None:
                query = query.where(CapturedRequestRow.create_time >= since)
            rows = session.scalars(query.order_by(CapturedRequestRow.key.desc()).limit(limit))
            return [to_captured_request(row) for row in rows]

    def training_sample(self, tuned_model: str) -> TrainingSample | None:
        """Return the stored sample of the rows that a model was trained on; None if there is none yet."""
        with self._database.read() as session:
            row = session.get(TrainingSampleRow, (self._tenant, tuned_model))
            return None if row is None else decode(TrainingSample, row.sample)

    def keep_training_sample(self, tuned_model: str, sample: TrainingSample) -> None:
        """Store the sample of a model, unless there is one or the model was deleted."""
        with self._database.write_tenant(self._tenant) as session:
            model = session.scalars(
                select(TunedModelRow.key).where(TunedModelRow.tenant == self._tenant, TunedModelRow.id == tuned_model)
            ).one_or_none()
            if model is None or session.get(TrainingSampleRow, (self._tenant, tuned_model)) is not None:
                return
            session.add(
                TrainingSampleRow(
                    tenant=self._tenant,
                    tuned_model=tuned_model,
                    sample=encode(TrainingSample, sample, "sample"),
                    create_time=self._database.clock(session),
                )
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDeployment:
    """A deployment whose requests are to be compared.

    Attributes:
        key: Its row.
        called: Its serving name.
        last_request: Row of its newest request.
    """

    key: int
    deployment: DeploymentName
    called: str
    last_request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDrift:
    """The last report of a deployment."""

    tenant: str
    called: str
    report: DriftReport


class DriftSchedule:
    """The reports of all deployments that capture requests. Each is made by one server at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_due(self) -> Sequence[DueDeployment]:
        """Return some deployments that have new requests since their last report, which is `INTERVAL` old.

        No other server gets them within the next `INTERVAL`. Those of suspended and deleted tenants are left out.
        """
        query = (
            select(DeploymentRow, DriftReportRow)
            .join(CaptureUsageRow, CaptureUsageRow.deployment_key == DeploymentRow.key)
            .outerjoin(DriftReportRow, DriftReportRow.deployment_key == DeploymentRow.key)
            .where(CaptureUsageRow.request_count > 0, of_active_tenant(DeploymentRow.tenant))
            .order_by(DriftReportRow.due_time, DeploymentRow.key)
            .limit(_MOST_DUE)
        )
        with self._database.read() as session:
            now = self._database.clock(session)
            is_due = or_(DriftReportRow.due_time.is_(None), DriftReportRow.due_time <= now)
            if session.execute(query.where(is_due).limit(1)).first() is None:
                return ()  # which takes no lock
        due = []
        with self._database.write("drift") as session:
            for owner, stored in session.execute(query.where(is_due)).all():
                newest = session.scalars(
                    select(func.max(CapturedRequestRow.key)).where(CapturedRequestRow.deployment_key == owner.key)
                ).one()
                if stored is None:
                    stored = DriftReportRow(deployment_key=owner.key, tenant=owner.tenant, report=None, last_request=0)
                    session.add(stored)
                stored.due_time = now + INTERVAL
                if capture_of(owner).share and newest and newest != stored.last_request:
                    name = DeploymentName(owner.tenant, owner.space, owner.id)
                    due.append(
                        DueDeployment(key=owner.key, deployment=name, called=owner.serving_name, last_request=newest)
                    )
        return due

    def store(self, due: DueDeployment, report: DriftReport) -> bool:
        """Store a report, and return whether it confirms a drift of this model: the fourth in a row that shows one.

        That is an event for webhooks, too. Nothing is stored if the deployment was deleted.
        """
        with self._database.write("drift") as session:
            row = session.get(DriftReportRow, due.key)
            owner = session.get(DeploymentRow, due.key)
            if row is None or owner is None:
                return False
            row.drifted_looks = _drifted_looks(row, report)
            row.report = encode(DriftReport, report, "report")
            row.last_request = due.last_request
            if row.drifted_looks != DRIFTED_LOOKS:
                return False
            publish_drift(session, owner, report, self._database.clock(session))
            return True

    def reports(self, limit: int) -> list[StoredDrift]:
        """Return the last reports of deployments that capture requests, those of the oldest deployments first."""
        query = (
            select(DeploymentRow, DriftReportRow.report)
            .join(DriftReportRow, DriftReportRow.deployment_key == DeploymentRow.key)
            .where(DriftReportRow.report.is_not(None))
            .order_by(DeploymentRow.key)
            .limit(limit)
        )
        with self._database.read() as session:
            return [
                StoredDrift(tenant=row.tenant, called=row.serving_name, report=decode(DriftReport, report))
                for row, report in session.execute(query)
                if capture_of(row).share
            ]


def _drifted_looks(row: DriftReportRow, report: DriftReport) -> int:
    """Return the number of reports in a row, a new one included, that show a drift of its model."""
    if report.verdict is not DriftVerdict.DRIFTED:
        return 0
    before = None if row.report is None else decode(DriftReport, row.report)
    if before is None or before.verdict is not DriftVerdict.DRIFTED or before.model != report.model:
        return 1
    return (DRIFTED_LOOKS if row.drifted_looks is None else row.drifted_looks) + 1
