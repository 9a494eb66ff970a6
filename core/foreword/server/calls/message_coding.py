"""The coding of messages: requests are parsed and responses are serialised, large ones in threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from google.protobuf.message import DecodeError

from foreword.domain.messages import MAX_RESPONSE_BYTES
from foreword.errors import InvalidArgumentError
from foreword.server.calls.call_record import current_record
from foreword.server.calls.pools import CODE_SECONDS_PER_BYTE
from foreword.turns.turn_pool import TurnPool

_LARGE_BYTES: Final = 256 * 1024
"""Size from which messages are coded in a thread. Parsing 16 MiB with many small fields takes 100 ms."""


class MessageCoder:
    """A coder of the messages of all RPCs.

    Args:
        threads: Parses and serialises large messages, in the turn of the caller's tenant.
        on_request: Called with each message of a request, in the task of its call.
    """

    def __init__(self, threads: TurnPool, on_request: Callable[[Any], object] = lambda _: None) -> None:
        self._threads = threads
        self._on_request = on_request

    async def parse(self, parse: Callable[[bytes], Any], data: bytes, max_bytes: int) -> Any:
        """Parse a request message.

        Raises:
            InvalidArgumentError: The bytes are not a valid message, or too many.
        """
        if len(data) > max_bytes:
            raise InvalidArgumentError.of(
                "request",
                f"must have at most {max_bytes:,} bytes, not {len(data):,}; send shorter texts, or a batch in parts",
                reason="MESSAGE_TOO_LARGE",
            )
        current_record().request_bytes = len(data)
        try:
            request = await self._code(len(data), parse, data)
        except DecodeError as error:
            raise InvalidArgumentError.of(
                "request",
                "must be a message as defined in the service's .proto files, with every string in UTF-8; "
                "create it with the stubs generated from them",
            ) from error
        self._on_request(request)
        return request

    async def parse_each(
        self, parse: Callable[[bytes], Any], requests: AsyncIterator[bytes], max_bytes: int
    ) -> AsyncIterator[Any]:
        """Parse the request messages of a stream."""
        async for data in requests:
            yield await self.parse(parse, data, max_bytes)

    async def serialize(self, serialize: Callable[[Any], bytes], response: Any) -> bytes:
        """Return a response as bytes. Finding out its size takes as long, so the servicer says if it is large.

        Raises:
            InvalidArgumentError: It exceeds the maximum size of a response.
        """
        data: bytes = await self._code(current_record().response_bytes, serialize, response)
        size = len(data)
        if size > MAX_RESPONSE_BYTES:
            raise InvalidArgumentError.of(
                "request",
                f"needs a response of {size:,} bytes, but the limit is {MAX_RESPONSE_BYTES:,}; request less, "
                "such as a smaller page or fewer return_options",
                reason="RESPONSE_TOO_LARGE",
            )
        return data

    async def _code(self, size: int, code: Callable[[Any], Any], message: Any) -> Any:
        if size <= _LARGE_BYTES:
            return code(message)
        return await self._threads.run(current_record().tenant, size * CODE_SECONDS_PER_BYTE, code, message)
