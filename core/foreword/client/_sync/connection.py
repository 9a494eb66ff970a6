# Generated from `_async/connection.py` by `unasync.py`. Change that file, then run: make client

"""The channel to the service, with retries and typed errors."""

from __future__ import annotations

import copy
import os
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, Self, TypeVar

import grpc
from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.wait import wait_random_exponential

from foreword.client._sync.waiting import send_stream, sleep
from foreword.client.endpoint import (
    ClientCertificate,
    Tls,
    channel_credentials,
    channel_options,
    key_metadata,
    parse_endpoint,
)
from foreword.client.keepalive import DEFAULT_KEEPALIVE_SECONDS, DEFAULT_KEEPALIVE_TIMEOUT_SECONDS, keepalive_options
from foreword.client.message import check_size
from foreword.client.proxy import Proxy, find_proxy
from foreword.client.status import AttemptError, call_failure
from foreword.errors import NotFoundError, UnauthenticatedError
from foreword.grpc_logging import log_no_debug_messages
from foreword.trace_context import trace_metadata

Answer = TypeVar("Answer")

_full_jitter = wait_random_exponential(multiplier=0.1, max=2.0)


class Connection:
    """A channel that repeats calls if that is safe, and raises typed errors. It is safe to share between threads.

    Args:
        endpoint: See `parse_endpoint`.
        api_key: Secret of the key, or a function that returns one or a token at the beginning of each call. Surrounding
            whitespace is removed; empty to send none.
        timeout_seconds: Time limit of a unary call, including repetitions.
        retry_seconds: Time for which a call that is safe to repeat is repeated while the service is unavailable.
        tls: See `channel_credentials`.
        tls_client: See `channel_credentials`.
        keepalive_seconds: See `keepalive_options`.
        keepalive_timeout_seconds: See `keepalive_options`.

    Raises:
        InvalidArgumentError: The endpoint is malformed, or a keepalive time is out of range.
        UnauthenticatedError: The key contains characters that no key has.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        api_key: str | Callable[[], str],
        timeout_seconds: float,
        retry_seconds: float,
        tls: Tls = None,
        tls_client: ClientCertificate = None,
        keepalive_seconds: float = DEFAULT_KEEPALIVE_SECONDS,
        keepalive_timeout_seconds: float = DEFAULT_KEEPALIVE_TIMEOUT_SECONDS,
    ) -> None:
        place = parse_endpoint(endpoint)
        self.endpoint = place.target
        self.timeout_seconds = timeout_seconds
        self.retry_seconds = retry_seconds
        self._key = api_key if callable(api_key) else None
        self._metadata = [] if callable(api_key) else key_metadata(api_key)
        self._request_id = ""
        self._credentials = channel_credentials(place, tls, tls_client)
        self._keepalive = keepalive_options(keepalive_seconds, keepalive_timeout_seconds)
        self._shared = _Channel()
        self._borrowed = False

    def for_caller(self, api_key: str, *, forwarded_for: str = "", request_id: str = "") -> Self:
        """Return a connection of another caller on the same channel, which stays open when that connection is closed.

        Args:
            api_key: Secret of the caller's key; empty to send none.
            forwarded_for: Addresses of the caller and of the proxies before this program, as in `x-forwarded-for`.
            request_id: Id of the caller's request. Default: each call gets one.

        Raises:
            UnauthenticatedError: The key contains characters that no key has.
        """
        connection = copy.copy(self)
        connection._key = None
        connection._metadata = key_metadata(api_key)
        if forwarded_for:
            connection._metadata.append(("x-forwarded-for", forwarded_for))
        connection._request_id = request_id
        connection._borrowed = True
        return connection

    def close(self) -> None:
        """End all calls and close the channel."""
        if self._shared.channel is not None and not self._borrowed:
            self._shared.channel.close()

    def stub(self, kind: Callable[[grpc.Channel], Any]) -> Any:
        """Return the generated stub of a service on this channel."""
        # Opened by the first call, because an asynchronous channel belongs to the event loop in which it was opened,
        # and a client is often created before there is one.
        shared = self._shared
        with shared.opening:
            if shared.channel is None:
                log_no_debug_messages()
                shared.proxy = find_proxy(self.endpoint, os.environ)  # when gRPC reads it as well
                options = (*channel_options(self.endpoint), *self._keepalive)
                shared.channel = (
                    grpc.insecure_channel(self.endpoint, options)
                    if self._credentials is None
                    else grpc.secure_channel(self.endpoint, self._credentials, options)
                )
            return kind(shared.channel)

    def unary(
        self,
        method: Any,
        request: Any,
        *,
        safe: bool,
        timeout_seconds: float | None = None,
        gone_is_done: bool = False,
    ) -> Any:
        """Make a call that has one answer.

        Args:
            method: Method of a stub.
            request: The message; for a method that takes a stream, a function that yields the stream from the start.
            safe: Whether repeating the call is harmless, because it reads, infers or has a request id.
            timeout_seconds: Time limit. Default: that of the connection.
            gone_is_done: For deletions: NOT_FOUND on a repetition means that an earlier attempt succeeded.

        Raises:
            ForewordError: The call failed, and repeating it was unsafe, useless or took too long.
        """
        if not callable(request):
            check_size(request)
        seconds = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        deadline = time.monotonic() + seconds
        metadata = self._call_metadata()
        attempts = 0

        def attempt() -> Any:
            nonlocal attempts
            attempts += 1
            remaining = max(deadline - time.monotonic(), 0.001)
            try:
                if callable(request):
                    return send_stream(method, request(), timeout=remaining, metadata=metadata)
                return method(request, timeout=remaining, metadata=metadata)
            except grpc.RpcError as raised:
                raise self._failure(raised) from raised

        try:
            if safe:
                return self._repeat(attempt, self.retry_seconds, deadline)
            return attempt()
        except AttemptError as failure:
            if gone_is_done and attempts > 1 and isinstance(failure.error, NotFoundError):
                return None
            raise failure.error from failure.__cause__

    def stream(self, method: Any, request: Any, *, timeout_seconds: float | None) -> Generator[Any]:
        """Make one call that is answered by a stream. Closing the generator early cancels the call.

        Raises:
            InvalidArgumentError: The request is too large.
            AttemptError: The stream broke. The caller decides what to do by what has arrived until then.
        """
        check_size(request)
        call = method(request, timeout=timeout_seconds, metadata=self._call_metadata())
        try:
            yield from call
        except grpc.RpcError as raised:
            raise self._failure(raised) from raised
        finally:
            call.cancel()

    def restart(self, start: Callable[[], Generator[Answer]], *, timeout_seconds: float) -> Generator[Answer]:
        """Read a stream, and start it again as long as it breaks before its first message.

        Args:
            start: Starts the stream.
            timeout_seconds: Time limit for starting the stream again.
        """

        def first() -> tuple[Generator[Answer], list[Answer]]:
            messages = start()
            for message in messages:
                return messages, [message]
            return messages, []

        try:
            messages, head = self._repeat(first, self.retry_seconds, time.monotonic() + timeout_seconds)
            with closing(messages):
                for message in head:
                    yield message
                for message in messages:
                    yield message
        except AttemptError as failure:
            raise failure.error from failure.__cause__

    def _repeat(self, attempt: Callable[[], Answer], seconds: float, deadline: float) -> Answer:
        # Counted from the first failure: an attempt on a dead connection fails only after the timeout of a ping.
        end = deadline
        first = True

        def over(state: RetryCallState) -> bool:
            nonlocal end, first
            if first:
                first, end = False, min(end, time.monotonic() + seconds)
            return time.monotonic() + state.upcoming_sleep >= end

        retrying = Retrying(
            sleep=sleep,
            retry=retry_if_exception(lambda error: isinstance(error, AttemptError) and error.repeatable),
            wait=_pause_seconds,
            stop=over,
            reraise=True,
        )
        return retrying(attempt)

    def _failure(self, raised: grpc.RpcError) -> AttemptError:
        failure = call_failure(raised, self.endpoint, self._shared.proxy)
        sends_key = bool(self._metadata or self._key or self._borrowed)
        if failure.error.reason == "API_KEY_MISSING" and not sends_key:
            # The service serves all kinds of clients, so it cannot explain how to set the key of this one.
            failure.error = UnauthenticatedError(
                "The API key is missing. Set FOREWORD_API_KEY or pass api_key; with `foreword serve --dev` it is dev.",
                reason=failure.error.reason,
                metadata=failure.error.metadata,
            )
        return failure

    def _call_metadata(self) -> list[tuple[str, str]]:
        key = [] if self._key is None else key_metadata(self._key())
        return [*key, *self._metadata, ("x-request-id", self._request_id or uuid.uuid4().hex), *trace_metadata()]


class _Channel:
    """The channel that all connections to an endpoint share, once it is open."""

    def __init__(self) -> None:
        self.channel: grpc.Channel | None = None
        self.proxy: Proxy | None = None
        self.opening = threading.Lock()


def _pause_seconds(state: RetryCallState) -> float:
    """Return the pause that the service asked for plus full jitter, so that callers do not return at the same time."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_seconds if isinstance(error, AttemptError) else None
    return (asked or 0.0) + _full_jitter(state)
