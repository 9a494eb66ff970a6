"""Concurrent probes of several tenants, on real engines with tiny models."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from factories.databases import open_database
from factories.serving import LONG, HeldBaseModel, TinyBaseModel, make_request, running_engine
from factories.stored import store_tenant
from factories.waiting import eventually
from foreword.domain.deployment import DeploymentState
from foreword.domain.model_reference import ModelReference
from foreword.inference.engine.engine import InferenceEngine
from foreword.inference.residency.memory_budget import MemoryBudget
from foreword.plugin.interfaces import BaseModel
from foreword.plugin.manager import PluginManager
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.inference.prober import Prober
from foreword.storage.database import Database
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.turns.turn_pool import TurnPool

BART, T5 = ModelReference(base_model="tiny--bart"), ModelReference(base_model="tiny--t5")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'foreword.db'}")
    yield opened
    opened.close()


def deploy(database: Database, tenant: str, model: ModelReference, count: int) -> None:
    deployments = DeploymentRepository(database, store_tenant(database, tenant))
    for number in range(count):
        deployments.create(space="default", id=f"d{number}", serving_name=f"d{number}", model=model)


def states(database: Database, tenant: str) -> set[DeploymentState]:
    return {item.state for item in DeploymentRepository(database, tenant).list().items}


@contextlib.asynccontextmanager
async def probing(database: Database, engine: InferenceEngine, *models: BaseModel) -> AsyncIterator[None]:
    plugins = PluginManager.load()
    plugins.base_models.claim("tests")
    for model in models:
        plugins.base_models.add(model)
    storage = TurnPool("storage")
    resolver = ModelResolver(database=database, plugins=plugins, storage=storage)
    prober = Prober(database=database, engine=engine, models=resolver, storage=storage)
    task = asyncio.create_task(prober.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        storage.close()


async def all_ready(database: Database, tenant: str) -> None:
    async def ready() -> bool:
        return await asyncio.to_thread(states, database, tenant) == {DeploymentState.READY}

    await eventually(ready)


async def test_revisions_without_room_for_their_model_do_not_delay_others(database: Database):
    bart, t5 = TinyBaseModel("bart"), TinyBaseModel("t5")
    room = MemoryBudget(byte_size=int(1.1 * 4 * bart.spec.parameter_count), strict=True)
    async with running_engine(bart, t5, base_model_budget=room) as engine:
        answering = engine.generate(make_request("Hello", parameters=LONG))
        await anext(answering)
        deploy(database, "big", T5, 20)
        deploy(database, "small", BART, 1)

        async with probing(database, engine, bart, t5):
            await all_ready(database, "small")
            before = states(database, "big")
            await answering.aclose()
            await all_ready(database, "big")

    assert before == {DeploymentState.INITIALIZING}


async def test_a_model_that_loads_for_minutes_does_not_delay_others(database: Database):
    bart, t5 = HeldBaseModel(), TinyBaseModel("t5")
    async with running_engine(bart, t5) as engine:
        await engine.preload("tiny--t5")
        deploy(database, "slow", BART, 6)
        deploy(database, "small", T5, 3)

        async with probing(database, engine, bart, t5):
            await all_ready(database, "small")
            before = states(database, "slow")
            bart.released.set()
            await all_ready(database, "slow")

    assert before == {DeploymentState.INITIALIZING}
