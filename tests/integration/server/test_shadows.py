"""Shadows of several tenants, whose answers are functions here; the counts are in a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from factories.canaries import HANGS, Act, act_out
from factories.databases import open_database
from factories.servers import shared_plugins
from factories.stored import store_tenant
from factories.waiting import eventually
from foreword.domain.model_reference import ModelReference
from foreword.domain.rollout import ShadowPlan
from foreword.domain.rollout_figures import ShadowFigures
from foreword.errors import ExhaustedError
from foreword.inference.interfaces import EngineLoad
from foreword.names import DeploymentName
from foreword.server.inference.model_resolver import ModelResolver, RunningRollout
from foreword.server.inference.rollout_recorder import RolloutRecorder
from foreword.server.inference.shadows import Shadows
from foreword.storage.database import Database
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.workers.probes import ProbeQueue
from foreword.turns.turn_pool import TurnPool

PLAN = ShadowPlan(share=1.0)


class IdleEngine:
    """An engine without other requests."""

    def load(self) -> EngineLoad:
        return EngineLoad(queued_requests=0, queued_tokens=0, running_rows=0)


@dataclass
class ShadowTraffic:
    """Shadows of the tenants `one` and `two`."""

    database: Database
    recorder: RolloutRecorder
    shadows: Shadows

    def compare(self, tenant: str, act: Act = None) -> None:
        """Compare an answer of a tenant, whose shadow gives the same one after an act."""

        async def answer(deadline: float) -> object:
            await act_out(act)
            return "labels"

        name = DeploymentName(tenant, "default", "triage")
        rollout = RunningRollout(deployment=name, revision=2, plan=PLAN, candidate=ExhaustedError("not asked"))
        self.shadows.compare(rollout, "labels", answer)

    async def figures(self, tenant: str) -> ShadowFigures:
        await self.recorder.write()
        candidate = DeploymentRepository(self.database, tenant).get("default", "triage").candidate
        assert candidate is not None
        assert candidate.rollout is not None
        return candidate.rollout.figures.shadow

    async def compared(self, tenant: str, count: int) -> None:
        async def done() -> bool:
            return (await self.figures(tenant)).compared >= count

        await eventually(done)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[ShadowTraffic]]]:
    database = open_database(tmp_path / "foreword.db")
    storage = TurnPool("storage", threads=1)
    recorder = RolloutRecorder(
        database=database,
        storage=storage,
        models=ModelResolver(database=database, plugins=shared_plugins(), storage=storage),
    )
    started: list[Shadows] = []

    async def start(**options: float) -> ShadowTraffic:
        for key, tenant in enumerate(("one", "two"), start=1):
            store_tenant(database, tenant)
            repository, probes = DeploymentRepository(database, tenant), ProbeQueue(database)
            model = ModelReference(base_model="stable")
            repository.create(space="default", id="triage", serving_name="triage", model=model)
            probes.ready(tenant, (key, 1), 0.0)
            repository.update("default", "triage", model=ModelReference(base_model="shadow"), plan=PLAN)
            probes.ready(tenant, (key, 2), 0.0)
        started.append(Shadows(engine=IdleEngine(), recorder=recorder, **options))
        return ShadowTraffic(database, recorder, started[0])

    yield start
    for shadows in started:
        await shadows.close()
    storage.close()
    database.close()


async def test_a_tenant_with_many_shadow_requests_leaves_another_one_its_turns(start):
    traffic = await start()
    for _ in range(40):
        traffic.compare("one")
    for _ in range(4):
        traffic.compare("two")

    await traffic.compared("two", 4)

    assert (await traffic.figures("two")).shed == 0
    first = await traffic.figures("one")
    assert first.shed == 40 - 16
    assert first.compared <= 6, "it has waited for the other tenant"


async def test_a_shadow_that_hangs_is_an_error_and_pauses_only_its_tenant(start):
    traffic = await start(answer_seconds=0.05)
    for _ in range(3):
        traffic.compare("one", HANGS)
    traffic.compare("two")

    await traffic.compared("two", 1)
    traffic.compare("one")

    found = await traffic.figures("one")
    assert (found.errors, found.shed, found.compared) == (1, 3, 0)


async def test_a_shadow_that_cannot_be_loaded_is_an_error_and_an_overload_is_none(start):
    traffic = await start()
    traffic.compare("one", ExhaustedError("No memory for its base model.", reason="BASE_MODELS_BUSY"))
    traffic.compare("one", ExhaustedError("The queue is full."))
    traffic.compare("one")

    await traffic.compared("one", 1)

    found = await traffic.figures("one")
    assert (found.errors, found.shed) == (1, 1)


async def test_closing_drops_what_waits_and_runs(start):
    traffic = await start()
    ended = asyncio.Event()
    traffic.compare("one", ended)
    traffic.compare("two")
    await asyncio.sleep(0)

    await traffic.shadows.close()
    ended.set()

    assert await traffic.figures("one") == await traffic.figures("two") == ShadowFigures()
