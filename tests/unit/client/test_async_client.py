"""What only the asynchronous client has: an event loop, and tasks that are cancelled."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from foreword.client import AsyncClient
from foreword.v1 import (
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    inference_service_pb2,
    inference_service_pb2_grpc,
)


class SlowService(dataset_service_pb2_grpc.DatasetServiceServicer, inference_service_pb2_grpc.InferenceServiceServicer):
    """Answers at once but for `Generate`, which waits until its caller has gone."""

    def __init__(self):
        self.begun, self.gone = threading.Event(), threading.Event()

    def GetDataset(self, request, context):
        return dataset_pb2.Dataset(name=request.name)

    def UploadDataset(self, request_iterator, context):
        size = sum(len(message.chunk) for message in request_iterator)
        return dataset_service_pb2.UploadDatasetResponse(dataset=dataset_pb2.Dataset(name="d", byte_size=size))

    def Generate(self, request, context):
        context.add_callback(self.gone.set)
        self.begun.set()
        while context.is_active():
            time.sleep(0.01)

    def StreamGenerate(self, request, context):
        context.add_callback(self.gone.set)
        self.begun.set()
        while context.is_active():
            yield inference_service_pb2.StreamGenerateResponse(text="a")
            time.sleep(0.01)


@pytest.fixture
def service():
    return SlowService()


@pytest.fixture
def endpoint(service):
    server = grpc.server(ThreadPoolExecutor(4))
    dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server(service, server)
    inference_service_pb2_grpc.add_InferenceServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0).wait()


DATASET = "tenants/a/datasets/d"


def test_a_client_may_be_made_before_there_is_an_event_loop(endpoint):
    client = AsyncClient(endpoint, "key")

    async def ask():
        async with client:
            return await client.get_dataset(DATASET)

    assert asyncio.run(ask()).name == DATASET


async def test_cancelling_a_task_ends_the_call(service, endpoint):
    async with AsyncClient(endpoint, "key") as client:
        task = asyncio.create_task(client.generate("m", "text"))
        await asyncio.to_thread(service.begun.wait)

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(service.gone.wait, 60)


async def test_a_time_limit_around_a_stream_ends_the_call(service, endpoint):
    async with AsyncClient(endpoint, "key") as client:

        async def run_out(limit):
            # Not before the service has the call: on a busy machine it could end before it began.
            await asyncio.to_thread(service.begun.wait)
            limit.reschedule(asyncio.get_running_loop().time())

        async def read():
            async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as tasks:
                tasks.create_task(run_out(limit))
                return [piece async for piece in client.stream_generate("m", "text")]

        with pytest.raises(TimeoutError):
            await read()

        assert await asyncio.to_thread(service.gone.wait, 60)


async def test_calls_of_one_client_wait_for_each_other_no_longer_than_they_must(service, endpoint):
    async with AsyncClient(endpoint, "key") as client:
        slow = asyncio.create_task(client.generate("m", "text"))
        await asyncio.to_thread(service.begun.wait)

        answers = await asyncio.gather(*(client.get_dataset(f"{DATASET}{number}") for number in range(20)))

        assert [answer.name for answer in answers] == [f"{DATASET}{number}" for number in range(20)]
        assert not slow.done()
        slow.cancel()


async def test_a_large_upload_leaves_the_event_loop_free(endpoint, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"x" * 20_000_000)
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async with AsyncClient(endpoint, "key") as client:
        ticking = asyncio.create_task(tick())
        stored = await client.upload_dataset(path)
        ticking.cancel()

    assert stored.byte_size == 20_000_000
    assert ticks > 80  # more often than there are chunks
