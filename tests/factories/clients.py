"""Both clients with one interface, so that one test can use either."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Self

from factories.servers import EventLoopThread
from foreword.client import AsyncClient


class DrivenAsyncClient:
    """An `AsyncClient` for plain functions: its methods run in a separate event loop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._loop = EventLoopThread()
        self._client = AsyncClient(*arguments, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._client.close())
        self._loop.close()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if inspect.iscoroutine(found):
            return self._loop.run(found)
        return self._called(found) if callable(found) else found

    def _called(self, method: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            if inspect.isasyncgen(result):
                return self._items(result)
            return self._loop.run(result) if inspect.iscoroutine(result) else result

        return call

    def _items(self, generator: AsyncGenerator[Any]) -> Iterator[Any]:
        try:
            while True:
                yield self._loop.run(anext(generator))
        except StopAsyncIteration:
            return
        finally:
            self._loop.run(generator.aclose())
