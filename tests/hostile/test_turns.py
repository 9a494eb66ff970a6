"""One tenant holds all that it can hold of every pool of threads, and another one works as if it were alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from factories.api import experiment_request, make_file, refused, upload, upload_messages
from factories.charges import pools_of
from factories.rpcs import every_rpc
from factories.servers import RunningServer
from factories.targets import Target, existing_names
from foreword.domain.tenant import Scope
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import (
    dataset_service_pb2,
    inference_service_pb2,
    tenant_service_pb2,
)

MODEL = "baseModels/foreword--starter"
CALLS = 50
TIMEOUT_SECONDS = 60


@pytest.fixture
def flooded(start_server: Any) -> Iterator[RunningServer]:
    """A server on which one tenant has started calls that do not end, in every pool."""
    server = start_server()
    upload(server.stubs(server.new_key("victim")))
    released = threading.Event()

    async def flood() -> list[asyncio.Task[bool]]:
        return [
            asyncio.create_task(pool.run("flood", 1.0, released.wait, 120))
            for pool in pools_of(server).values()
            for _ in range(CALLS)
        ]

    tasks = server._loop.run(flood())
    yield server
    released.set()

    async def end() -> None:
        await asyncio.gather(*tasks)

    server._loop.run(end())


def test_a_tenant_works_while_another_holds_its_share_of_every_pool(flooded: RunningServer):
    stubs = flooded.stubs(flooded.new_key("victim", [Scope.WRITE, Scope.READ, Scope.INFER]))
    options = {"timeout": TIMEOUT_SECONDS}

    assert stubs.tenants.WhoAmI(tenant_service_pb2.WhoAmIRequest(), **options).tenant == "tenants/victim"
    dataset = upload(stubs)
    stubs.datasets.GetDataset(dataset_service_pb2.GetDatasetRequest(name=dataset.name), **options)
    stubs.datasets.ListDatasetRows(dataset_service_pb2.ListDatasetRowsRequest(name=dataset.name), **options)
    stubs.datasets.CheckDataset(upload_messages(make_file(), dataset_service_pb2.CheckDatasetRequest), **options)
    stubs.experiments.CreateTuneExperiment(experiment_request(dataset.name, validate_only=True), **options)
    stubs.inference.Tokenize(inference_service_pb2.TokenizeRequest(model=MODEL, text="Where is it?"), **options)
    too_long = inference_service_pb2.TokenizeRequest(model=MODEL, text="word " * 20_000)  # parsed in a thread
    assert refused(stubs.inference.Tokenize, too_long, **options).code is grpc.StatusCode.INVALID_ARGUMENT
    stubs.inference.Classify(
        inference_service_pb2.ClassifyRequest(model=MODEL, text="Where is my order?", labels=["A", "B"]), **options
    )


def test_every_rpc_is_answered_while_another_tenant_holds_its_share_of_every_pool(flooded: RunningServer):
    stubs = flooded.stubs()
    names = existing_names(flooded, stubs)
    targets = [Target(stubs, method, names) for method in every_rpc()]

    codes = {target.name: target.send(target.request).code for target in targets}

    assert codes == {target.name: target.expected_code for target in targets}


def test_a_tenant_never_holds_the_last_thread_of_a_pool_that_calls_wait_for(flooded: RunningServer):
    for name, pool in pools_of(flooded).items():
        for _ in range(500):
            if pool.running == pool._schedule._threads - 1:
                break
            time.sleep(0.01)  # the last call before the flood may be counted until its thread has noticed its end
        assert pool.running == pool._schedule._threads - 1, name
        assert pool.waiting == CALLS - pool.running, name


async def _cancelled(pool: TurnPool, released: threading.Event) -> int:
    first = asyncio.create_task(pool.run("gone", 1.0, released.wait, 60))
    waiting = [asyncio.create_task(pool.run("gone", 1.0, released.wait, 60)) for _ in range(CALLS)]
    await asyncio.sleep(0)
    assert pool.waiting == CALLS
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    left = pool.waiting
    released.set()
    await first
    return left


def test_calls_whose_callers_have_gone_leave_no_work(start_server: Any):
    server = start_server()
    assert server._loop.run(_cancelled(server.server._pools.work, threading.Event())) == 0
