"""The resources that a transaction changes, found when its rows are written.

So a method that changes a resource needs no call for the audit log, and none can forget it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.orm import Session

from foreword.domain.job import JobKind
from foreword.names import (
    ApiKeyName,
    BatchJobName,
    DatasetName,
    DeploymentName,
    EvaluationName,
    QuotaName,
    SavedPromptName,
    SpaceName,
    TenantName,
    TunedModelName,
    TuneExperimentName,
    TuneSweepName,
    WebhookName,
)
from foreword.storage.jobs.transitions import resource_name
from foreword.storage.tables import (
    ApiKeyRow,
    BatchJobRow,
    DatasetRow,
    DeploymentRow,
    EvaluationRow,
    ExperimentRow,
    JobRow,
    QuotaRow,
    SavedPromptRow,
    SpaceRow,
    SweepRow,
    TenantRow,
    TunedModelRow,
    WebhookRow,
)

RESOURCES: Final[Mapping[type[Any], Callable[[Any], str]]] = {
    TenantRow: lambda row: str(TenantName(row.id)),
    QuotaRow: lambda row: str(QuotaName(row.tenant)),
    ApiKeyRow: lambda row: str(ApiKeyName(row.tenant, row.id)),
    DatasetRow: lambda row: str(DatasetName(row.tenant, row.id)),
    SweepRow: lambda row: str(TuneSweepName(row.tenant, row.id)),
    ExperimentRow: lambda row: str(TuneExperimentName(row.tenant, row.id)),
    EvaluationRow: lambda row: str(EvaluationName(row.tenant, row.id)),
    BatchJobRow: lambda row: str(BatchJobName(row.tenant, row.id)),
    TunedModelRow: lambda row: str(TunedModelName(row.tenant, row.id)),
    SpaceRow: lambda row: str(SpaceName(row.tenant, row.id)),
    DeploymentRow: lambda row: str(DeploymentName(row.tenant, row.space, row.id)),
    SavedPromptRow: lambda row: str(SavedPromptName(row.tenant, row.id)),
    WebhookRow: lambda row: str(WebhookName(row.tenant, row.id)),
}
"""The tables of resources that callers change, with the name of the resource of a row."""

_CHANGES: Final = "audited_changes"


@dataclass(slots=True)
class Changes:
    """The names of the resources that a transaction has changed, in their order."""

    created: list[str]
    changed: list[str]

    @property
    def resource(self) -> str:
        """The first resource that was created, or else changed; empty if nothing was changed."""
        return next(iter((*self.created, *self.changed)), "")


def watch(session: Session) -> Changes:
    """Collect the changes of a transaction from now on."""
    changes = Changes([], [])
    session.info[_CHANGES] = changes
    event.listen(session, "after_flush", _collect)
    return changes


def note_change(session: Session, resource: str) -> None:
    """Note a change that is made by a statement instead of rows, such as a deletion of many rows."""
    changes: Changes | None = session.info.get(_CHANGES)
    if changes is not None:
        changes.changed.append(resource)


def _collect(session: Session, _context: Any) -> None:
    changes: Changes = session.info[_CHANGES]
    for row in session.new:
        if type(row) in RESOURCES:
            changes.created.append(RESOURCES[type(row)](row))
    for row in (*(row for row in session.dirty if session.is_modified(row)), *session.deleted):
        if isinstance(row, JobRow):  # the cancellation of a job changes nothing else
            changes.changed.append(resource_name(JobKind(row.kind), row.tenant, row.resource))
        elif type(row) in RESOURCES:
            changes.changed.append(RESOURCES[type(row)](row))
