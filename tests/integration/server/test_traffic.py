"""What a canary means for single requests: the revisions are functions here, the counts are in a real database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from factories.servers import shared_plugins
from factories.stored import store_tenant
from foreword.domain.deployment import ModelReference
from foreword.domain.rollout import CanaryPlan, RevisionFigures
from foreword.errors import ExhaustedError, FailedPreconditionError, ForewordError, InternalError, InvalidArgumentError
from foreword.names import DeploymentName
from foreword.server.inference.model_resolver import ModelResolver, ResolvedModel, Route, RunningRollout
from foreword.server.inference.rollout_recorder import MAX_UNJUDGED, RolloutRecorder
from foreword.server.inference.shadows import Shadows
from foreword.server.inference.traffic import Answer, Traffic
from foreword.storage.database import Database
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.workers.probes import ProbeQueue
from foreword.turns.turn_pool import TurnPool

PLAN = CanaryPlan(share=0.9, max_error_ratio=1.0, promote_after_requests=0)


def model(name: str) -> ResolvedModel:
    return ResolvedModel(
        version=name, base_model=name, adapter=None, verbalizer="{{input}}", label_space=None, soft_prompt_tokens=0,
        context_tokens=100,
    )  # fmt: skip


@dataclass
class Trial:
    """A running canary whose revisions do what a test says: answer, fail or wait."""

    traffic: Traffic
    route: Route
    repository: DeploymentRepository
    recorder: RolloutRecorder

    async def answering(self, deadline: float | None = None, **acts: object) -> str:
        """Return which revision answers; each act is an error, or an event to wait for."""

        async def ask(asked: ResolvedModel, deadline: float | None, *, shadow: bool = False) -> Answer[None]:
            act = acts.get(asked.version)
            if isinstance(act, asyncio.Event):
                await act.wait()
            elif isinstance(act, Exception):
                raise act
            return Answer(model=asked, value=None, shown="")

        until = None if deadline is None else time.monotonic() + deadline
        return (await self.traffic.answer(self.route, self.chosen_id, until, ask)).model.version

    @property
    def chosen_id(self) -> str:
        rollout = self.route.rollout
        assert rollout is not None
        return next(id for id in map(str, range(1000)) if rollout.chooses(id))

    async def figures(self) -> RevisionFigures:
        """Return the figures of the canary in the database."""
        await self.recorder.write()
        rollout = self.repository.get("default", "triage").revisions[0].rollout
        assert rollout is not None
        return rollout.figures.candidate


@pytest.fixture
async def trial(tmp_path: Path) -> AsyncIterator[Trial]:
    database = Database(tmp_path / "foreword.db")
    database.migrate()
    tenant = store_tenant(database)
    repository, probes = DeploymentRepository(database, tenant), ProbeQueue(database)
    repository.create(space="default", id="triage", serving_name="triage", model=ModelReference(base_model="stable"))
    probes.ready(tenant, (1, 1), 0.0)
    repository.update("default", "triage", model=ModelReference(base_model="canary"), plan=PLAN)
    probes.ready(tenant, (1, 2), 0.0)
    storage = TurnPool("storage", threads=1)
    models = ModelResolver(database=database, plugins=shared_plugins(), storage=storage)
    recorder = RolloutRecorder(database=database, storage=storage, models=models)
    rollout = RunningRollout(
        deployment=DeploymentName(tenant, "default", "triage"), revision=2, plan=PLAN, candidate=model("canary")
    )
    yield Trial(
        traffic=Traffic(recorder=recorder, shadows=Shadows(engine=None, recorder=recorder)),
        route=Route(stable=model("stable"), rollout=rollout),
        repository=repository,
        recorder=recorder,
    )
    storage.close()
    database.close()


@pytest.mark.parametrize(
    ("error", "requests"),
    [
        (InternalError("It broke."), 1),
        (ValueError("a bug in a plugin"), 1),
        (InvalidArgumentError.of("text", "is too long for its context"), 1),
        (ExhaustedError("The queue is full."), 0),  # not the fault of the revision
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_a_canary_fails_on_is_answered_by_the_stable_revision(trial: Trial, error, requests):
    assert await trial.answering(canary=error) == "stable"
    found = await trial.figures()
    assert (found.requests, found.errors) == (requests, requests)


async def test_a_failure_of_both_revisions_is_the_callers_and_not_counted(trial: Trial):
    mine, theirs = InternalError("canary"), FailedPreconditionError("stable")

    with pytest.raises(ForewordError, match="stable"):
        await trial.answering(canary=mine, stable=theirs)

    assert await trial.figures() == RevisionFigures()


async def test_a_canary_that_takes_more_than_half_of_the_time_gets_company(trial: Trial):
    never = asyncio.Event()

    assert await trial.answering(canary=never, deadline=0.2) == "stable"

    found = await trial.figures()
    assert (found.requests, found.errors) == (1, 0)
    assert found.median_seconds is not None
    assert found.median_seconds > 0.09, "it counts with the time that it had"


async def test_a_late_answer_of_a_canary_counts_if_it_is_the_first(trial: Trial):
    released = asyncio.Event()
    asyncio.get_running_loop().call_later(0.2, released.set)

    assert await trial.answering(canary=released, stable=asyncio.Event(), deadline=0.2) == "canary"
    assert (await trial.figures()).requests == 1


async def test_requests_beyond_those_that_wait_to_be_counted_go_to_the_stable_revision(trial: Trial):
    release = asyncio.Event()
    running = [asyncio.create_task(trial.answering(canary=release)) for _ in range(MAX_UNJUDGED)]
    await asyncio.sleep(0)

    assert await trial.answering() == "stable"
    release.set()
    assert set(await asyncio.gather(*running)) == {"canary"}
    assert await trial.answering() == "stable"
    assert (await trial.figures()).requests == MAX_UNJUDGED
    assert await trial.answering() == "canary"


async def test_a_cancelled_call_leaves_no_canary_behind(trial: Trial):
    calls = [asyncio.create_task(trial.answering(canary=asyncio.Event())) for _ in range(MAX_UNJUDGED)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)

    assert await trial.answering() == "canary"
