"""How long the checkpoints of a run are kept after its end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from foreword.domain.experiment import TuneExperiment
from foreword.domain.job import WORK_KEPT
from foreword.storage.artifacts.deletions import note_deletion
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.tables import ExperimentRow


def schedule_checkpoints(
    session: Session, run: TuneExperiment | ExperimentRow, now: datetime, *, has_succeeded: bool = False
) -> None:
    """Schedule the deletion of the checkpoints of a run that ends, in the transaction of its end.

    Those of a run that can be retried are kept for `WORK_KEPT`. All others are due at once.
    """
    is_over = has_succeeded or run.trial is not None
    due_time = now if is_over else now + WORK_KEPT
    note_deletion(session, run.tenant, checkpoints_key(run.tenant, run.id, run.create_time), due_time)
