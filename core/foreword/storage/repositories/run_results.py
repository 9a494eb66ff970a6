"""Results of a job that a heartbeat stores in its resource and its row."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from foreword.domain.experiment import Phase, Snapshot
from foreword.domain.halving import HeldOutScore, kept_score
from foreword.domain.job_progress import AnyProgress
from foreword.domain.trial import Trial
from foreword.storage.codec import decode, encode
from foreword.storage.jobs.leases import Lease
from foreword.storage.jobs.turns import charge_compute
from foreword.storage.repositories.experiments import find_experiment
from foreword.storage.repositories.job_subjects import store_progress
from foreword.storage.tables import ExperimentRow, JobRow, SnapshotRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The part of a heartbeat that concerns one lease.

    Attributes:
        progress: New progress; None leaves it unchanged.
        snapshots: New points of the learning curve; the queue assigns their sequence numbers.
        compute_seconds: Total compute time used so far; the stored value never decreases.
        tokens: Tokens that the job has processed since the last heartbeat.
        made_progress: Whether a checkpoint after the start of this lease exists; earlier lost leases then no longer
            count.
    """

    lease: Lease
    progress: AnyProgress | None = None
    snapshots: Sequence[Snapshot] = ()
    compute_seconds: float = 0.0
    tokens: int = 0
    made_progress: bool = False


def store_beat(session: Session, job: JobRow, beat: Beat, now: datetime, duration: timedelta) -> None:
    """Renew the lease of a locked job and store the new results of its run."""
    job.beat_time, job.lease_expire_time = now, now + duration
    charge_compute(session, job, beat.compute_seconds, now, tokens=beat.tokens)
    if beat.made_progress:
        job.lost_leases = 0
    if beat.progress is None and not beat.snapshots:
        return
    job.update_time = now
    if beat.progress is not None:
        store_progress(session, job, beat.progress)
    if not beat.snapshots:
        return
    row = experiment_of(session, job)
    for snapshot in beat.snapshots:
        row.last_sequence += 1
        numbered = dataclasses.replace(snapshot, sequence=row.last_sequence)
        session.add(
            SnapshotRow(
                experiment_key=row.key,
                sequence=row.last_sequence,
                tenant=row.tenant,
                step=snapshot.step,
                point=encode(Snapshot, numbered, "snapshot"),
            )
        )
    note_scores(row, [score for snapshot in beat.snapshots if (score := score_of(snapshot)) is not None])


def score_of(snapshot: Snapshot) -> HeldOutScore | None:
    """Return the held-out results of a point of the learning curve; None if it has none."""
    if snapshot.validation_loss is None or snapshot.phase is not Phase.TUNING:
        return None
    return HeldOutScore(epoch=round(snapshot.epoch), metric=snapshot.validation_metric, loss=snapshot.validation_loss)


def note_scores(row: ExperimentRow, scores: Sequence[HeldOutScore], *, afresh: bool = False) -> None:
    """Note the held-out score of the epoch that a trial keeps. Other experiments have none.

    Args:
        scores: The next ones, oldest first.
        afresh: Whether these are all of its scores.
    """
    if row.trial is None:
        return
    known = [] if afresh or row.held_out_score is None else [decode(HeldOutScore, row.held_out_score)]
    score = kept_score([*known, *scores], keeps_best=decode(Trial, row.trial).keeps_best)
    row.held_out_score = None if score is None else encode(HeldOutScore, score, "score")


def experiment_of(session: Session, job: JobRow) -> ExperimentRow:
    """Return the experiment of a locked job."""
    row = find_experiment(session, job.tenant, job.resource)
    assert row is not None, "an experiment is deleted together with its job"
    return row
