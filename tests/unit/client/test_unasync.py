"""The blocking client is the asynchronous one without its keywords."""

import inspect
from pathlib import Path

import foreword.client
from foreword.client import AsyncClient, Client, unasync

CLIENT = Path(foreword.client.__file__).parent


def public_methods(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def test_the_checked_in_blocking_client_is_what_the_asynchronous_one_generates():
    fresh = unasync.generate()
    checked_in = {path.name: path.read_text() for path in (CLIENT / "_sync").glob("*.py")}

    assert fresh.keys() | unasync.BY_HAND == checked_in.keys(), "run: make client"
    assert [name for name in fresh if fresh[name] != checked_in[name]] == [], "run: make client"


def test_both_clients_have_the_same_methods_with_the_same_arguments():
    assert public_methods(AsyncClient) == public_methods(Client)
    for name in public_methods(Client):
        asynchronous, blocking = (inspect.getattr_static(kind, name) for kind in (AsyncClient, Client))
        if inspect.isfunction(blocking):
            assert inspect.signature(asynchronous).parameters == inspect.signature(blocking).parameters
            assert not inspect.iscoroutinefunction(blocking)


def test_keywords_names_and_annotations_are_translated():
    source = '''"""Use it in an async with, await it."""
import grpc


class AsyncClient:
    async def run(self, start: Callable[[], Awaitable[list[int]]]) -> AsyncGenerator[int]:
        async with aclosing(self) as items:  # await stays in a comment
            async for item in items:
                yield await item
        return grpc.aio.insecure_channel("await it")
'''

    assert (
        unasync._translate(source)
        == '''"""Use it in an with, it."""
import grpc


class Client:
    def run(self, start: Callable[[], list[int]]) -> Generator[int]:
        with closing(self) as items:  # await stays in a comment
            for item in items:
                yield item
        return grpc.insecure_channel("it")
'''
    )
