from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from factories.api import RpcFailure, refused
from factories.logs import captured_logs, log_briefly
from factories.servers import EventLoopThread
from foreword.client.proxy import DIRECT
from foreword.errors import (
    AbortedError,
    AlreadyExistsError,
    CancelledError,
    DeadlineExceededError,
    ErrorKind,
    ExhaustedError,
    FailedPreconditionError,
    FieldViolation,
    ForewordError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from foreword.observability.logging import configure
from foreword.server.calls.interceptors import CallInterceptor, answer_errors
from foreword.server.calls.message_coding import MessageCoder
from foreword.server.calls.outcomes import Outcomes
from foreword.server.calls.status import CODES
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import catalog_service_pb2, catalog_service_pb2_grpc

REQUEST = catalog_service_pb2.ListTasksRequest()


def interceptor() -> CallInterceptor:
    return CallInterceptor((Outcomes(()).layer, answer_errors), MessageCoder(TurnPool("coding")))


class Raising(catalog_service_pb2_grpc.CatalogServiceServicer):
    """A servicer whose method raises a given exception."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def ListTasks(self, request: Any, context: Any) -> Any:
        secret_prompt = "nobody may read this"
        assert secret_prompt
        raise self._error


@contextmanager
def serving(error: Exception) -> Iterator[Any]:
    """A stub of a server whose `ListTasks` raises."""
    loop = EventLoopThread()

    async def start() -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server(interceptors=[interceptor()])
        catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server(Raising(error), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    server, port = loop.run(start())
    with grpc.insecure_channel(f"127.0.0.1:{port}", DIRECT) as channel:
        yield catalog_service_pb2_grpc.CatalogServiceStub(channel)
    loop.run(server.stop(0))
    loop.close()


def answer_to(error: Exception) -> RpcFailure:
    with serving(error) as stub:
        return refused(stub.ListTasks, REQUEST)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidArgumentError.of("name", "is odd"), grpc.StatusCode.INVALID_ARGUMENT),
        (UnauthenticatedError("No."), grpc.StatusCode.UNAUTHENTICATED),
        (PermissionDeniedError("No."), grpc.StatusCode.PERMISSION_DENIED),
        (NotFoundError.of("tenants/x"), grpc.StatusCode.NOT_FOUND),
        (AlreadyExistsError("Taken."), grpc.StatusCode.ALREADY_EXISTS),
        (FailedPreconditionError("Not now."), grpc.StatusCode.FAILED_PRECONDITION),
        (AbortedError("Changed."), grpc.StatusCode.ABORTED),
        (ExhaustedError("Full."), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (DeadlineExceededError("Late."), grpc.StatusCode.DEADLINE_EXCEEDED),
        (CancelledError("Gone."), grpc.StatusCode.CANCELLED),
        (UnavailableError("Down."), grpc.StatusCode.UNAVAILABLE),
        (InternalError("Broken."), grpc.StatusCode.INTERNAL),
    ],
)
def test_every_kind_of_error_has_its_status_with_message_and_reason(error: ForewordError, code: grpc.StatusCode):
    failure = answer_to(error)

    assert failure.code is code
    assert failure.message == error.message
    assert failure.reason == error.reason


def test_every_kind_has_a_code():
    assert set(CODES) == set(ErrorKind)


def test_facts_travel_with_the_error():
    failure = answer_to(FailedPreconditionError("Not now.", reason="WHY_NOT", metadata={"limit": "7"}))

    assert (failure.reason, failure.metadata) == ("WHY_NOT", {"limit": "7"})


def test_a_message_in_any_script_arrives_as_it_was():
    assert answer_to(FailedPreconditionError("Größe 大きさ 100 %\n")).message == "Größe 大きさ 100 %\n"


@pytest.mark.parametrize("letter", ["x", "ä", "大", "%", "\n", "\x7f"])
def test_an_endless_error_still_arrives(letter: str):
    violations = [FieldViolation(field=f"rows[{row}].input", description=letter * 300) for row in range(1000)]

    failure = answer_to(InvalidArgumentError(violations, metadata={"text": letter * 5000}))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.violations
    assert failure.message.endswith("...")


def test_an_unexpected_error_returns_an_id_and_is_logged_without_texts():
    with captured_logs() as logs:
        failure = answer_to(RuntimeError("inner workings"))

    assert failure.code is grpc.StatusCode.INTERNAL
    assert "inner workings" not in failure.message
    (entry,) = [entry for entry in logs if entry["event"] == "request_failed"]
    assert entry["error_id"] == failure.metadata["error_id"]
    assert entry["error_id"] in failure.message
    assert entry["exc_info"]
    assert "nobody may read this" not in str(entry)


def test_the_traceback_on_a_terminal_shows_no_local_variables(capsys: pytest.CaptureFixture[str]):
    configure("info", "console")
    try:
        answer_to(RuntimeError("inner workings"))
    finally:
        log_briefly()

    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "inner workings" in shown
    assert "nobody may read this" not in shown


def test_a_client_that_gives_up_ends_the_work():
    begun, ended = threading.Event(), asyncio.Event()

    class Slow(catalog_service_pb2_grpc.CatalogServiceServicer):
        async def ListTasks(self, request: Any, context: Any) -> Any:
            begun.set()
            try:
                await asyncio.sleep(600)
            finally:
                ended.set()

    loop = EventLoopThread()

    async def start() -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server(interceptors=[interceptor()])
        catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server(Slow(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    server, port = loop.run(start())
    with grpc.insecure_channel(f"127.0.0.1:{port}", DIRECT) as channel:
        call = catalog_service_pb2_grpc.CatalogServiceStub(channel).ListTasks.future(REQUEST)
        assert begun.wait(60)
        call.cancel()
        loop.run(asyncio.wait_for(ended.wait(), 60))
    loop.run(server.stop(0))
    loop.close()

    assert call.cancelled()
