"""Messages are parsed and serialised in the turns of tenants if they are large."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from factories.waiting import eventually
from foreword.errors import InvalidArgumentError
from foreword.server.calls.call_record import CallRecord, keep_record
from foreword.server.calls.message_coding import MessageCoder
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import inference_service_pb2

LARGE = inference_service_pb2.TokenizeRequest(model="m", text="x" * 300_000)
SMALL = inference_service_pb2.TokenizeRequest(model="m", text="x")
MOST = 10**6


class Coding:
    """A parser, or a serialiser, that is held until it is released, and the tenants in the order of their calls."""

    def __init__(self) -> None:
        self.entered, self.released = threading.Event(), threading.Event()
        self.order: list[str] = []

    def of(self, tenant: str):
        def code(message: object) -> object:
            self.order.append(tenant)
            self.entered.set()
            assert self.released.wait(60)
            return message

        return code


@pytest.fixture
async def threads() -> AsyncIterator[TurnPool]:
    pool = TurnPool("coding", threads=1, clock=time.monotonic)
    yield pool
    pool.close()


async def parse(coder: MessageCoder, coding: Coding, tenant: str) -> bytes:
    keep_record(CallRecord(tenant=tenant))
    return await coder.parse(coding.of(tenant), LARGE.SerializeToString(), MOST)


async def serialize(coder: MessageCoder, coding: Coding, tenant: str) -> bytes:
    keep_record(CallRecord(tenant=tenant, response_bytes=300_000))
    return await coder.serialize(coding.of(tenant), LARGE.SerializeToString())


@pytest.mark.parametrize("act", [parse, serialize])
async def test_large_messages_of_a_tenant_wait_behind_those_of_others(threads: TurnPool, act):
    coder, coding = MessageCoder(threads), Coding()
    flood = [asyncio.create_task(act(coder, coding, "flood")) for _ in range(5)]
    await eventually(coding.entered.is_set)
    victim = asyncio.create_task(act(coder, coding, "victim"))
    await eventually(lambda: threads.waiting == 5)

    coding.released.set()
    await asyncio.gather(*flood, victim)

    assert coding.order == ["flood", "victim", "flood", "flood", "flood", "flood"]


@pytest.mark.parametrize("act", [parse, serialize])
async def test_a_message_whose_caller_has_gone_is_dropped(threads: TurnPool, act):
    coder, coding = MessageCoder(threads), Coding()
    first = asyncio.create_task(act(coder, coding, "acme"))
    gone = asyncio.create_task(act(coder, coding, "acme"))
    await eventually(lambda: threads.waiting == 1)

    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    coding.released.set()
    await first

    assert coding.order == ["acme"]


async def test_small_messages_need_no_thread(threads: TurnPool):
    coder = MessageCoder(threads)
    threads.close()
    keep_record(CallRecord())

    data = await coder.serialize(type(SMALL).SerializeToString, SMALL)

    assert await coder.parse(type(SMALL).FromString, data, MOST) == SMALL


async def test_a_large_message_is_the_same_as_a_small_one(threads: TurnPool):
    coder = MessageCoder(threads)
    keep_record(CallRecord(response_bytes=300_000))

    data = await coder.serialize(type(LARGE).SerializeToString, LARGE)

    assert await coder.parse(type(LARGE).FromString, data, MOST) == LARGE


@pytest.mark.parametrize("size", [10, 300_000])
async def test_bytes_that_are_no_message_are_refused_with_the_remedy(threads: TurnPool, size: int):
    keep_record(CallRecord())
    with pytest.raises(InvalidArgumentError, match="must be a message as defined"):
        await MessageCoder(threads).parse(type(SMALL).FromString, b"\xff" * size, MOST)
