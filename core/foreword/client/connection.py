"""One channel to the service: where it is, how to prove who calls, and what to do when a call fails."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_before_delay
from tenacity.wait import wait_random_exponential

from foreword.client.status import AttemptError, call_failure
from foreword.errors import InvalidArgumentError, NotFoundError, UnauthenticatedError

Answer = TypeVar("Answer")
Tls = bool | bytes | str | PathLike[str] | None

DEFAULT_ENDPOINT = "127.0.0.1:50051"
_DEFAULT_PORT = 50051
_LARGEST_MESSAGE_BYTES = 64 * 2**20  # an experiment with a long learning curve outgrows gRPC's 4 MiB
_full_jitter = wait_random_exponential(multiplier=0.1, max=2.0)


class Endpoint(NamedTuple):
    """Where the service is: a gRPC target, and whether to use TLS unless told otherwise."""

    target: str
    tls: bool


def parse_endpoint(text: str) -> Endpoint:
    """Reads `host`, `host:port`, `[v6]:port`, `unix:path`, or one of the first three behind `http://` or `https://`.

    Without a scheme, loopback is plain text and everything else TLS: a key never leaves the machine in plain text
    unless somebody wrote `http://`.

    Raises:
        InvalidArgumentError: It is none of these.
    """
    if text.startswith("unix:"):
        return Endpoint(text, tls=False)
    found = re.fullmatch(r"(?:(https?)://)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?/?", text.strip())
    if found is None:
        raise InvalidArgumentError.of("endpoint", f"must look like HOST:PORT or https://HOST:PORT, not {text[:200]!r}")
    scheme, host, port = found.groups()
    loopback = host in ("localhost", "[::1]") or host.startswith("127.")
    return Endpoint(f"{host}:{port or _DEFAULT_PORT}", tls=scheme == "https" or (scheme is None and not loopback))


class Connection:
    """A channel that repeats what is safe to repeat and raises typed errors. Safe to share between threads.

    Args:
        endpoint: See `parse_endpoint`.
        api_key: Secret of the key, blanks and line ends around it left out; empty sends none.
        timeout_seconds: Longest a unary call may take, repetitions included.
        retry_seconds: How long a call that is safe to repeat is repeated while the service is unavailable.
        tls: True or False decides; a path or PEM bytes are the certificates to trust; None leaves it to the endpoint.

    Raises:
        InvalidArgumentError: The endpoint is malformed.
        UnauthenticatedError: The key holds characters that no key has.
    """

    def __init__(
        self, *, endpoint: str, api_key: str, timeout_seconds: float, retry_seconds: float, tls: Tls = None
    ) -> None:
        self.endpoint, tls_by_endpoint = parse_endpoint(endpoint)
        self.timeout_seconds = timeout_seconds
        self.retry_seconds = retry_seconds
        self._metadata = _credentials(api_key)
        options = [
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE_BYTES),
            # The defaults wait a second, then longer: a service that restarts would be missed by every retry between.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        if tls is False or (tls is None and not tls_by_endpoint):
            self._channel = grpc.insecure_channel(self.endpoint, options)
        else:
            roots = None if tls is None or isinstance(tls, bool) else tls if isinstance(tls, bytes) else _read(tls)
            credentials = grpc.ssl_channel_credentials(root_certificates=roots)
            self._channel = grpc.secure_channel(self.endpoint, credentials, options)

    def close(self) -> None:
        """Ends all calls and closes the channel."""
        self._channel.close()

    def stub(self, kind: Callable[[grpc.Channel], Any]) -> Any:
        """The generated stub of a service on this channel."""
        return kind(self._channel)

    def unary(
        self,
        method: Any,
        request: Any,
        *,
        safe: bool,
        timeout_seconds: float | None = None,
        gone_is_done: bool = False,
    ) -> Any:
        """Makes a call that has one answer.

        Args:
            method: Method of a stub.
            request: The message; for a method that takes a stream, a function that starts the stream anew.
            safe: Whether repeating does no harm: it reads, infers, or carries a request id.
            timeout_seconds: Default: the connection's.
            gone_is_done: For deletions: NOT_FOUND on a repetition means that the first attempt did arrive.

        Raises:
            ForewordError: The call failed, and repeating was unsafe, useless or over time.
        """
        seconds = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        deadline = time.monotonic() + seconds
        metadata = self._call_metadata()
        attempts = 0

        def attempt() -> Any:
            nonlocal attempts
            attempts += 1
            message = request() if callable(request) else request
            remaining = max(deadline - time.monotonic(), 0.001)
            try:
                return method(message, timeout=remaining, metadata=metadata)
            except grpc.RpcError as raised:
                raise self._failure(raised) from raised

        try:
            return self._repeat(attempt, min(self.retry_seconds, seconds)) if safe else attempt()
        except AttemptError as failure:
            if gone_is_done and attempts > 1 and isinstance(failure.error, NotFoundError):
                return None
            raise failure.error from failure.__cause__

    def stream(self, method: Any, request: Any, *, timeout_seconds: float | None) -> Iterator[Any]:
        """Makes a call that is answered by a stream, once; leaving the iterator early cancels the call.

        Raises:
            AttemptError: It broke; what to do depends on what has arrived by then.
        """
        call = method(request, timeout=timeout_seconds, metadata=self._call_metadata())
        try:
            yield from call
        except grpc.RpcError as raised:
            raise self._failure(raised) from raised
        finally:
            call.cancel()

    def restart(self, start: Callable[[], Iterator[Answer]], *, timeout_seconds: float) -> Iterator[Answer]:
        """Reads a stream and starts it anew while it breaks before its first message.

        Args:
            start: Starts the stream.
            timeout_seconds: Longest that starting anew may go on.
        """

        def first() -> tuple[Iterator[Answer], list[Answer]]:
            messages = start()
            return messages, list(islice(messages, 1))

        try:
            messages, head = self._repeat(first, min(self.retry_seconds, timeout_seconds))
            yield from head
            yield from messages
        except AttemptError as failure:
            raise failure.error from failure.__cause__

    def _repeat(self, attempt: Callable[[], Answer], seconds: float) -> Answer:
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, AttemptError) and error.repeatable),
            wait=_pause_seconds,
            stop=stop_before_delay(seconds),
            reraise=True,
        )
        return retrying(attempt)

    def _failure(self, raised: grpc.RpcError) -> AttemptError:
        failure = call_failure(raised, self.endpoint)
        if isinstance(failure.error, UnauthenticatedError) and not self._metadata:
            # The service speaks to every client, so it cannot say how this one takes a key.
            failure.error = UnauthenticatedError(
                "No API key. Set FOREWORD_API_KEY, or pass api_key; for `foreword serve --dev` it is dev.",
                reason=failure.error.reason,
                metadata=failure.error.metadata,
            )
        return failure

    def _call_metadata(self) -> list[tuple[str, str]]:
        return [*self._metadata, ("x-request-id", uuid.uuid4().hex)]


def _credentials(api_key: str) -> list[tuple[str, str]]:
    key = api_key.strip()  # a key out of a file ends with its line
    if not (key.isascii() and key.isprintable()):
        raise UnauthenticatedError(
            "The API key holds characters that no key has, such as a line end or a letter beyond ASCII. Copy it "
            "again, as `foreword keys create` printed it, into FOREWORD_API_KEY or api_key."
        )
    return [("authorization", f"Bearer {key}")] if key else []


def _pause_seconds(state: RetryCallState) -> float:
    """What the service asked for, and full jitter on top, so that callers who were refused together part."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_seconds if isinstance(error, AttemptError) else None
    return (asked or 0.0) + _full_jitter(state)


def _read(path: str | PathLike[str]) -> bytes:
    return Path(path).read_bytes()
