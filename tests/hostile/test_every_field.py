"""Every text, list and map of every request at its largest size: refused with its limit, or carried at a bounded cost.

RPCs and fields are found by reflection. A new RPC fails `test_every_request_is_well_formed_and_charged_fairly` until
`factories/targets.py` holds what a well-formed request of it needs.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from factories.blown_up import Growable, growable_fields, grown, with_text
from factories.charges import Charges
from factories.rpcs import every_rpc
from factories.servers import RunningServer
from factories.targets import Outcome, Target, existing_names, largest

METHODS: Final = [pytest.param(method, id=method.name) for method in every_rpc()]
MOST_ERROR_BYTES: Final = 8192
LARGE: Final = 900_000  # characters
MOST_BYTES: Final = 12 * 2**20  # of a request
FAULTS: Final = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED}


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    return server.stubs()


@pytest.fixture(scope="module")
def names(server: RunningServer, stubs: Any) -> Mapping[str, str]:
    return existing_names(server, stubs)


@pytest.fixture(scope="module")
def charges(server: RunningServer, names) -> Charges:
    return Charges(server)


@pytest.mark.parametrize("method", METHODS)
def test_every_request_is_well_formed_and_charged_fairly(
    stubs, names, charges: Charges, method: MethodDescriptor
) -> None:
    target = Target(stubs, method, names)

    outcome = charges.fairly(lambda: target.send(target.request))

    assert outcome.code is target.expected_code, outcome


@pytest.mark.parametrize("method", METHODS)
def test_every_field_of_any_size_is_refused_briefly_or_answered(
    stubs, names, charges: Charges, method: MethodDescriptor
) -> None:
    target = Target(stubs, method, names)
    together = target.request
    for growable in growable_fields(method.input_type):
        size, outcomes = largest(target, growable)
        for outcome in outcomes:
            checked(growable, size, outcome)
        if outcome.code is grpc.StatusCode.OK and growable.path[-1] != "request_id":  # that one would be used twice
            room = MOST_BYTES - together.ByteSize()
            together = grown(together, growable, min(size, max(0, room) // growable.unit_bytes(together)))

    outcome = charges.fairly(lambda: target.send(together), message_bytes=together.ByteSize())
    checked("all fields", 0, outcome)


def display_name_of(method: MethodDescriptor) -> Growable | None:
    """Return the name for people that a request gives to what it creates."""
    found = (item for item in growable_fields(method.input_type) if item.path[-1] == "display_name")
    return next((item for item in found if len(item.path) <= 2), None)


NAMING: Final = [pytest.param(method, id=method.name) for method in every_rpc() if display_name_of(method)]


@pytest.mark.parametrize("method", NAMING)
def test_no_resource_gets_a_name_that_controls_a_terminal(stubs, names, method: MethodDescriptor) -> None:
    target, name = Target(stubs, method, names), display_name_of(method)
    request = with_text(target.request, name, "complaints\x1b[2J")
    if hasattr(request, "update_mask"):
        request.update_mask.paths[:] = ["display_name"]

    outcome = target.send(request)

    assert outcome.code is grpc.StatusCode.INVALID_ARGUMENT, outcome
    refusals = (f"{name}: must not contain control characters", "'display_name' cannot be changed")
    assert any(refusal in outcome.message for refusal in refusals), outcome


@pytest.fixture(scope="module")
def earlier_objects(names) -> Iterator[None]:
    """Leave what is in memory before the tests out of collections, which takes them most of a second each."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("earlier_objects")
@pytest.mark.parametrize("method", METHODS)
def test_a_large_request_is_released_when_it_ends(stubs, names, method: MethodDescriptor) -> None:
    """Python would otherwise collect it together with thousands of others, which may be gigabytes."""
    target = Target(stubs, method, names)
    texts = [growable for growable in growable_fields(method.input_type) if not growable.is_list and not growable.item]
    if not texts:
        return
    request = grown(target.request, texts[0], LARGE)
    gc.collect()
    with without_collections():
        for _ in range(3):
            target.send(request)
        held = held_by_garbage(LARGE)

    assert held == []


@contextmanager
def without_collections() -> Iterator[None]:
    """Keep the garbage of the block for `held_by_garbage`."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def held_by_garbage(size: int) -> list[str]:
    """Return the functions of the service whose frames live in cycles and hold texts or messages of this size."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    frames = [found for found in gc.garbage if isinstance(found, FrameType)]
    gc.garbage.clear()
    own = [frame for frame in frames if frame.f_globals.get("__name__", "").startswith("foreword.")]
    return [
        frame.f_code.co_qualname for frame in own if any(is_large(value, size) for value in frame.f_locals.values())
    ]


def is_large(value: object, size: int) -> bool:
    if isinstance(value, (str, bytes, bytearray)):
        return len(value) >= size
    return isinstance(value, Message) and value.ByteSize() >= size


def checked(growable: Growable | str, size: int, outcome: Outcome) -> None:
    """Check that a call did not end as a fault of the service, nor with an error that repeats what was sent."""
    assert outcome.code not in FAULTS, f"{growable} of {size:,}: {outcome}"
    assert outcome.byte_size <= MOST_ERROR_BYTES, f"{growable} of {size:,}: {outcome.message[:300]}"
