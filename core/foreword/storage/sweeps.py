"""Sweeps of a tenant, for their owners, and the stops of weak trials, for workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, defer

from foreword.domain.experiment import ExperimentConfig, ExperimentState, Phase, Progress, Snapshot, TunePlan
from foreword.domain.failure import Failure
from foreword.domain.halving import HeldOutScore, Rung, TrialScores, choose_stops
from foreword.domain.sweep import SearchSpace, SweepPlan, TrialStatus, TuneSweep, stop_reason
from foreword.domain.trial import Trial
from foreword.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from foreword.names import TuneSweepName, check_id
from foreword.storage.artifact_keys import checkpoints_key
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.deletions import note_deletion
from foreword.storage.experiments import cancel_job, check_room, free_name, new_experiment, require_datasets
from foreword.storage.lists.list_specs import TUNE_SWEEPS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.requests import RequestKey, deleted_since, find_replay, remember
from foreword.storage.run_results import held_out_score
from foreword.storage.tables import ExperimentRow, JobRow, SnapshotRow, SweepRow
from foreword.storage.tenants import require_tenant
from foreword.storage.texts import check_texts

_LARGE = (ExperimentRow.config, ExperimentRow.plan, ExperimentRow.evaluations, ExperimentRow.suspect_rows)
"""Columns with large documents that a sweep does not need."""
_AFTER_TUNING = (Phase.REFITTING, Phase.EVALUATING, Phase.STORING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTrial:
    """A trial to create: its values, its configuration and its plan."""

    values: Mapping[str, Any]
    config: ExperimentConfig
    plan: TunePlan


class SweepRepository:
    """The sweeps of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        *,
        display_name: str,
        description: str,
        config: ExperimentConfig,
        space: SearchSpace,
        plan: SweepPlan,
        trials: Sequence[PlannedTrial],
        creator: str,
        max_queued: int,
        id: str | None = None,
        request: RequestKey | None = None,
    ) -> TuneSweep:
        """Store a sweep and queue its trials. The first free suffix ` (1)`, ` (2)`, ... is appended to its name.

        Args:
            config: What all trials have in common.
            max_queued: Maximum number of queued experiments of the tenant.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: The tenant, a dataset or the sweep of a replayed request does not exist.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant would have too many experiments queued.
        """
        check_texts(display_name=display_name, description=description)
        if id is not None:
            check_id(id, "tune_sweep_id")
        with self._database.write_tenant(self._tenant) as session:
            made = self._made(session, request)
            if made is not None:
                return made
            require_tenant(session, self._tenant)
            require_datasets(session, self._tenant, config)
            longest = max(trial.plan.estimated_seconds for trial in trials)
            check_room(session, self._tenant, max_queued, longest, count=len(trials))
            id = id or self._database.new_id()
            if _find(session, self._tenant, id) is not None:
                taken = str(TuneSweepName(self._tenant, id))
                raise AlreadyExistsError(f"{taken} already exists. Choose another id.", metadata={"resource": taken})
            now = self._database.clock(session)
            name = free_name(session, SweepRow, self._tenant, display_name)
            row = SweepRow(
                tenant=self._tenant,
                id=id,
                display_name=name,
                description=description,
                dataset=config.dataset,
                base_model=config.base_model,
                config=encode(ExperimentConfig, config, "tune_sweep.tune_experiment"),
                space=encode(SearchSpace, space, "tune_sweep.swept_parameters"),
                plan=encode(SweepPlan, plan, "tune_sweep.plan"),
                cancel_time=None,
                creator=creator,
                create_time=now,
            )
            session.add(row)
            for number, trial in enumerate(trials, start=1):
                session.add(
                    new_experiment(
                        self._tenant,
                        self._database.new_id(),
                        # Unique, because the names of other experiments end in a number in brackets.
                        display_name=f"{name} trial {number}",
                        description="",
                        config=trial.config,
                        plan=trial.plan,
                        creator=creator,
                        now=now,
                        trial=Trial(sweep=id, number=number, values=trial.values, seed=trial.plan.parameters.seed),
                    )
                )
                session.flush()  # workers take the trials in their order
            remember(session, self._tenant, request, id, now)
            return _to_sweep(row, _trials_of(session, self._tenant, [id]).get(id, ()))

    def find_replayed(self, request: RequestKey | None) -> TuneSweep | None:
        """Return the sweep that an earlier request with the same id created; None if the request is new.

        Raises:
            NotFoundError: The sweep has been deleted since.
            AlreadyExistsError: The request id was already used with other content.
        """
        if request is None:
            return None
        with self._database.read() as session:
            return self._made(session, request)

    def get(self, id: str) -> TuneSweep:
        """Return a sweep with its trials.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            row = _require(session, self._tenant, id)
            return _to_sweep(row, _trials_of(session, self._tenant, [id]).get(id, ()))

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[TuneSweep] = take_any) -> Page[TuneSweep]:
        """List sweeps, by default newest first.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """

        def convert(session: Session, rows: Sequence[SweepRow]) -> Iterable[TuneSweep]:
            trials = _trials_of(session, self._tenant, [row.id for row in rows])
            return (_to_sweep(row, trials.get(row.id, ())) for row in rows)

        return ListReader(
            database=self._database,
            spec=TUNE_SWEEPS,
            tenant=self._tenant,
            conditions=[SweepRow.tenant == self._tenant],
            convert=convert,
        ).read(request, take)

    def request_cancel(self, id: str) -> TuneSweep:
        """Request the cancellation of all trials that have not ended.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: It has already succeeded or failed.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = _require(session, self._tenant, id)
            _lock_jobs(session, self._tenant, id)
            rows = _trials_of(session, self._tenant, [id]).get(id, ())
            sweep = _to_sweep(row, rows)
            if sweep.state.ended and not sweep.is_cancelled:
                name = TuneSweepName(self._tenant, id)
                raise FailedPreconditionError(
                    f"{name} has already {sweep.state.value} and cannot be cancelled. Delete it if you do not need it.",
                    reason="SWEEP_ENDED",
                    metadata={"resource": str(name), "state": sweep.state.value},
                )
            now = self._database.clock(session)
            row.cancel_time = row.cancel_time or now
            for experiment in rows:
                cancel_job(session, experiment, now)
            return _to_sweep(row, rows)

    def delete(self, id: str) -> Sequence[str]:
        """Delete a sweep that has ended, with its trials. Their tuned models remain.

        Returns:
            The prefixes of the trials' checkpoints in the artifact store, scheduled for deletion.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: A trial has not ended.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = _require(session, self._tenant, id)
            _lock_jobs(session, self._tenant, id)
            rows = _trials_of(session, self._tenant, [id]).get(id, ())
            sweep = _to_sweep(row, rows)
            if not sweep.state.ended:
                name = TuneSweepName(self._tenant, id)
                raise FailedPreconditionError(
                    f"{name} is {sweep.state.value}. Cancel it and wait until it has ended, then delete it.",
                    reason="SWEEP_ACTIVE",
                    metadata={"resource": str(name), "state": sweep.state.value},
                )
            now = self._database.clock(session)
            checkpoints = [checkpoints_key(self._tenant, item.id, item.create_time) for item in rows]
            for experiment, key in zip(rows, checkpoints, strict=True):
                session.delete(experiment)
                note_deletion(session, self._tenant, key, now)
            session.delete(row)
            return checkpoints

    def rungs(self, id: str) -> tuple[Rung, ...]:
        """Return the rungs of a sweep; none if it has been deleted."""
        with self._database.read() as session:
            row = _find(session, self._tenant, id)
            return () if row is None else decode(SweepPlan, row.plan).rungs

    def stop_weak_trials(self, id: str) -> int:
        """Stop the trials that halving does not let go on, and return how many have been stopped now.

        It follows from the learning curves that are stored, so it can be repeated by any worker at any time.
        """
        with self._database.read() as session:  # mostly there is nothing to stop, and a read lets others write
            if not self._stops(session, id):
                return 0
        with self._database.write_tenant(self._tenant) as session:
            _lock_jobs(session, self._tenant, id)
            stops = self._stops(session, id)
            now = self._database.clock(session)
            for row, reason in stops:
                cancel_job(session, row, now, reason)
            return len(stops)

    def _stops(self, session: Session, id: str) -> Sequence[tuple[ExperimentRow, Failure]]:
        """Return the trials to stop, with the reasons."""
        sweep = _find(session, self._tenant, id)
        if sweep is None:
            return ()
        rows = {_trial(row).number: row for row in _trials_of(session, self._tenant, [id]).get(id, ())}
        curves = _held_out_curves(session, rows.values())
        stops = choose_stops(
            [_scores(number, row, curves.get(row.key, ())) for number, row in rows.items()],
            decode(SweepPlan, sweep.plan).rungs,
        )
        return [
            (rows[stop.number], stop_reason(stop))
            for stop in stops
            if ExperimentState(rows[stop.number].job.state) is ExperimentState.RUNNING
        ]

    def _made(self, session: Session, request: RequestKey | None) -> TuneSweep | None:
        replay = find_replay(session, self._tenant, request)
        if replay is None:
            return None
        row = _find(session, self._tenant, replay.resource)
        if row is None or not replay.made(row.create_time):
            raise deleted_since(str(TuneSweepName(self._tenant, replay.resource)))
        return _to_sweep(row, _trials_of(session, self._tenant, [row.id]).get(row.id, ()))


def _find(session: Session, tenant: str, id: str) -> SweepRow | None:
    return session.scalars(select(SweepRow).where(SweepRow.tenant == tenant, SweepRow.id == id)).one_or_none()


def _require(session: Session, tenant: str, id: str) -> SweepRow:
    row = _find(session, tenant, id)
    if row is None:
        raise NotFoundError.of(str(TuneSweepName(tenant, id)))
    return row


def _lock_jobs(session: Session, tenant: str, id: str) -> None:
    """Lock the jobs of all trials, in the order of their keys, as everyone who locks several does."""
    trials = select(ExperimentRow.id).where(ExperimentRow.tenant == tenant, ExperimentRow.sweep == id)
    session.scalars(
        select(JobRow)
        .where(JobRow.tenant == tenant, JobRow.resource.in_(trials))
        .order_by(JobRow.key)
        .with_for_update()
    ).all()


def _trials_of(session: Session, tenant: str, ids: Sequence[str]) -> Mapping[str, Sequence[ExperimentRow]]:
    """Return the trials of sweeps, by sweep and in the order of their numbers."""
    found: dict[str, list[ExperimentRow]] = {}
    rows = session.scalars(
        select(ExperimentRow)
        .join(ExperimentRow.job)
        .options(contains_eager(ExperimentRow.job), *(defer(column) for column in _LARGE))
        .where(ExperimentRow.tenant == tenant, ExperimentRow.sweep.in_(ids))
        .order_by(ExperimentRow.key)
    )
    for row in rows:
        found.setdefault(str(row.sweep), []).append(row)
    return found


def _trial(row: ExperimentRow) -> Trial:
    return decode(Trial, row.trial)


def _held_out_curves(session: Session, rows: Iterable[ExperimentRow]) -> Mapping[int, Sequence[HeldOutScore]]:
    """Return the held-out results of experiments at the ends of their epochs, by key and oldest first."""
    points = session.execute(
        select(SnapshotRow.experiment_key, SnapshotRow.point)
        .where(
            SnapshotRow.experiment_key.in_([row.key for row in rows]),
            SnapshotRow.point["validation_loss"].as_string().is_not(None),
        )
        .order_by(SnapshotRow.experiment_key, SnapshotRow.sequence)
    )
    curves: dict[int, list[HeldOutScore]] = {}
    for key, point in points:
        score = held_out_score(decode(Snapshot, point))
        if score is not None:
            curves.setdefault(key, []).append(score)
    return curves


def _scores(number: int, row: ExperimentRow, curve: Sequence[HeldOutScore]) -> TrialScores:
    state = ExperimentState(row.job.state)
    return TrialScores(
        number=number,
        scores=curve,
        is_complete=state is ExperimentState.SUCCEEDED or decode(Progress, row.progress).phase in _AFTER_TUNING,
        counts=state in (ExperimentState.RUNNING, ExperimentState.SUCCEEDED),
    )


def _to_sweep(row: SweepRow, trials: Sequence[ExperimentRow]) -> TuneSweep:
    return TuneSweep(
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        config=decode(ExperimentConfig, row.config),
        space=decode(SearchSpace, row.space),
        plan=decode(SweepPlan, row.plan),
        trials=tuple(_to_status(trial) for trial in trials),
        is_cancelled=row.cancel_time is not None,
        creator=row.creator,
        create_time=row.create_time,
    )


def _to_status(row: ExperimentRow) -> TrialStatus:
    job = row.job
    return TrialStatus(
        experiment=row.id,
        trial=_trial(row),
        state=ExperimentState(job.state),
        failure=None if job.failure is None else decode(Failure, job.failure),
        score=None if row.best_score is None else decode(HeldOutScore, row.best_score),
        progress=decode(Progress, row.progress),
        compute_seconds=job.compute_seconds,
        tuned_model=row.tuned_model,
        update_time=job.update_time,
        end_time=job.end_time,
    )
