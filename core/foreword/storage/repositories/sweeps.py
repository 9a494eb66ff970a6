"""Sweeps of a tenant, for their owners, and the stops of weak trials, for workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.experiment import ExperimentConfig, TunePlan
from foreword.domain.failure import Failure
from foreword.domain.halving import Rung, choose_stops
from foreword.domain.job import JobKind
from foreword.domain.resource_view import ResourceView
from foreword.domain.sweep import SearchSpace, SweepPlan, TuneSweep, stop_reason
from foreword.domain.trial import Trial
from foreword.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from foreword.names import TuneSweepName, check_id
from foreword.storage.artifacts.deletions import note_deletion
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.admission import check_room, free_name
from foreword.storage.jobs.trial_outcomes import outcomes_of
from foreword.storage.lists.list_specs import TUNE_SWEEPS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.experiments import cancel_job, new_experiment, require_datasets
from foreword.storage.repositories.requests import RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.sweep_trials import (
    held_out_curves,
    lock_trials,
    may_be_stopped,
    to_sweep,
    to_sweep_without_trials,
    trial_of,
    trial_scores,
    trials_of,
)
from foreword.storage.repositories.tenants import require_tenant
from foreword.storage.tables import ExperimentRow, SweepRow
from foreword.storage.texts import check_texts


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
        tags: Mapping[str, str] = MappingProxyType({}),
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
            check_room(
                session,
                JobKind.TUNE,
                self._tenant,
                max_queued,
                longest,
                self._database.clock(session),
                count=len(trials),
                total_seconds=sum(trial.plan.estimated_seconds for trial in trials),
            )
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
                tags=dict(tags),
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
                        tags=tags,
                        trial=Trial(
                            sweep=id,
                            number=number,
                            values=trial.values,
                            seed=trial.plan.parameters.seed,
                            keeps_best=trial.plan.parameters.keep_best,
                        ),
                    )
                )
                session.flush()  # workers take the trials in their order
            remember(session, self._tenant, request, id, now)
            return to_sweep(row, trials_of(session, self._tenant, [id]).get(id, ()))

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
            return to_sweep(row, trials_of(session, self._tenant, [id]).get(id, ()))

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[TuneSweep] = take_any) -> Page[TuneSweep]:
        """List sweeps, by default newest first. Only those of the full view have trials.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """

        def convert(session: Session, rows: Sequence[SweepRow]) -> Iterable[TuneSweep]:
            ids = [row.id for row in rows]
            if request.view is ResourceView.FULL:
                trials = trials_of(session, self._tenant, ids)
                return (to_sweep(row, trials.get(row.id, ())) for row in rows)
            outcomes = outcomes_of(session, self._tenant, ids)
            return (to_sweep_without_trials(row, outcomes.get(row.id, ())) for row in rows)

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
            lock_trials(session, self._tenant, id)
            rows = trials_of(session, self._tenant, [id]).get(id, ())
            sweep = to_sweep(row, rows)
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
            return to_sweep(row, rows)

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
            lock_trials(session, self._tenant, id)
            rows = trials_of(session, self._tenant, [id]).get(id, ())
            sweep = to_sweep(row, rows)
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

    def stop_weak_trials(self, id: str) -> Sequence[str]:
        """Stop the trials that halving does not let go on. Trials whose tuning is over already go on.

        It follows from the learning curves that are stored, so it can be repeated by any worker at any time.

        Returns:
            The ids of the experiments that have been stopped now.
        """
        with self._database.read() as session:  # mostly there is nothing to stop, and a read lets others write
            if not self._stops(session, id):
                return ()
        with self._database.write_tenant(self._tenant) as session:
            lock_trials(session, self._tenant, id)
            stops = self._stops(session, id)
            now = self._database.clock(session)
            for row, reason in stops:
                cancel_job(session, row, now, reason)
            return [row.id for row, _ in stops]

    def _stops(self, session: Session, id: str) -> Sequence[tuple[ExperimentRow, Failure]]:
        """Return the trials to stop, with the reasons."""
        sweep = _find(session, self._tenant, id)
        if sweep is None:
            return ()
        rows = {trial_of(row).number: row for row in trials_of(session, self._tenant, [id]).get(id, ())}
        curves = held_out_curves(session, rows.values())
        stops = choose_stops(
            [trial_scores(number, row, curves.get(row.key, ())) for number, row in rows.items()],
            decode(SweepPlan, sweep.plan).rungs,
        )
        return [
            (rows[stop.number], stop_reason(stop))
            for stop in stops
            if may_be_stopped(rows[stop.number], curves.get(rows[stop.number].key, ()))
        ]

    def _made(self, session: Session, request: RequestKey | None) -> TuneSweep | None:
        replay = find_replay(session, self._tenant, request)
        if replay is None:
            return None
        row = _find(session, self._tenant, replay.resource)
        if row is None or not replay.made(row.create_time):
            raise deleted_since(str(TuneSweepName(self._tenant, replay.resource)))
        return to_sweep(row, trials_of(session, self._tenant, [row.id]).get(row.id, ()))


def _find(session: Session, tenant: str, id: str) -> SweepRow | None:
    return session.scalars(select(SweepRow).where(SweepRow.tenant == tenant, SweepRow.id == id)).one_or_none()


def _require(session: Session, tenant: str, id: str) -> SweepRow:
    row = _find(session, tenant, id)
    if row is None:
        raise NotFoundError.of(str(TuneSweepName(tenant, id)))
    return row
