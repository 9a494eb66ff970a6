"""Both clients against a gRPC server that fails on command: real channels, scripted trouble."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2, empty_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from factories.clients import DrivenAsyncClient
from factories.pipes import anonymous_pipe
from foreword.client import Client, JobState
from foreword.client.rows import CHUNK_BYTES
from foreword.errors import (
    DeadlineExceededError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from foreword.v1 import (
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    deployment_service_pb2_grpc,
    inference_service_pb2,
    inference_service_pb2_grpc,
    tenant_service_pb2_grpc,
    tune_experiment_pb2,
    tune_experiment_service_pb2,
    tune_experiment_service_pb2_grpc,
)

STATE = tune_experiment_pb2.TuneExperiment


class TroubledService(
    dataset_service_pb2_grpc.DatasetServiceServicer,
    deployment_service_pb2_grpc.DeploymentServiceServicer,
    inference_service_pb2_grpc.InferenceServiceServicer,
    tenant_service_pb2_grpc.TenantServiceServicer,
    tune_experiment_service_pb2_grpc.TuneExperimentServiceServicer,
):
    """Answers the first calls with `troubles`, one each; None is no trouble."""

    def __init__(self, *troubles):
        self.troubles = list(troubles)
        self.requests = []

    def trouble(self, request, context):
        self.requests.append(request)
        trouble = self.troubles.pop(0) if self.troubles else None
        if isinstance(trouble, status_pb2.Status):
            context.abort_with_status(rpc_status.to_status(trouble))
        elif trouble is not None:
            context.abort(trouble, "scripted")

    def GetDataset(self, request, context):
        self.trouble(request, context)
        return dataset_pb2.Dataset(name=request.name)

    def DeleteDataset(self, request, context):
        self.trouble(request, context)
        return empty_pb2.Empty()

    def UploadDataset(self, request_iterator, context):
        messages = list(request_iterator)
        self.trouble(messages, context)
        return dataset_service_pb2.UploadDatasetResponse(dataset=dataset_pb2.Dataset(name="d"))

    def CreateApiKey(self, request, context):
        self.trouble(request, context)

    def RollbackDeployment(self, request, context):
        self.trouble(request, context)

    def StreamGenerate(self, request, context):
        self.trouble(request, context)
        yield inference_service_pb2.StreamGenerateResponse(text="Ware")
        self.trouble(request, context)
        yield inference_service_pb2.StreamGenerateResponse(text="house", stop_reason=1)

    def Classify(self, request, context):
        self.trouble(request, context)
        return inference_service_pb2.ClassifyResponse(labels=[request.text])

    def WatchTuneExperiment(self, request, context):
        if request.name.endswith("/silent"):
            self.trouble(request, context)
            while context.is_active():
                time.sleep(0.05)
            return
        first = request.after_sequence + 1
        for sequence in range(first, 5):
            experiment = STATE(
                name=request.name,
                state=STATE.STATE_SUCCEEDED if sequence == 4 else STATE.STATE_RUNNING,
                snapshots=[tune_experiment_pb2.TuneSnapshot(sequence=sequence)],
            )
            yield tune_experiment_service_pb2.WatchTuneExperimentResponse(tune_experiment=experiment)
            self.trouble(request, context)


@pytest.fixture(params=[Client, DrivenAsyncClient])
def serving(request):
    """Serves a scripted service and connects the client under test: `with serving(service) as client`."""
    return partial(connected, request.param)


@contextmanager
def connected(kind, service, **options):
    server = grpc.server(ThreadPoolExecutor(4))
    dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server(service, server)
    deployment_service_pb2_grpc.add_DeploymentServiceServicer_to_server(service, server)
    inference_service_pb2_grpc.add_InferenceServiceServicer_to_server(service, server)
    tenant_service_pb2_grpc.add_TenantServiceServicer_to_server(service, server)
    tune_experiment_service_pb2_grpc.add_TuneExperimentServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with kind(f"127.0.0.1:{port}", "key", **options) as client:
            yield client
    finally:
        server.stop(0).wait()


def try_again_in(seconds):
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=int(seconds * 1e9))))
    return status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="full", details=[detail])


DATASET = "tenants/a/datasets/d"


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
def test_a_read_is_repeated_while_the_service_restarts(serving, code):
    service = TroubledService(code, code)

    with serving(service) as client:
        assert client.get_dataset(DATASET).name == DATASET

    assert len(service.requests) == 3


def test_an_upload_is_repeated_whole_with_the_same_request_id(serving):
    service = TroubledService(grpc.StatusCode.UNAVAILABLE)

    with serving(service) as client:
        client.upload_dataset([{"input": "a", "output": "b"}], display_name="d")

    first, second = service.requests
    assert first == second
    assert first[0].header.request_id
    assert b"".join(message.chunk for message in second[1:]) == b'{"input": "a", "output": "b"}\n'


def test_an_upload_from_a_pipe_is_repeated_whole(serving):
    service = TroubledService()
    arrived = []

    def upload(messages, context):
        if not arrived:
            arrived.append([next(messages), next(messages), next(messages)])
            context.abort(grpc.StatusCode.UNAVAILABLE, "scripted")
        arrived.append(list(messages))
        return dataset_service_pb2.UploadDatasetResponse(dataset=dataset_pb2.Dataset(name="d"))

    service.UploadDataset = upload
    content = b"".join(b"%07d\n" % number for number in range(CHUNK_BYTES // 2))

    with anonymous_pipe(content) as pipe, serving(service) as client:
        client.upload_dataset(pipe)

    broken_off, whole = arrived
    assert whole[:3] == broken_off
    assert b"".join(message.chunk for message in whole) == content
    assert whole[-1].end == len(content)


def test_a_pipe_that_never_ends_is_read_until_the_service_has_had_enough(serving):
    service = TroubledService()

    def refuse(messages, context):
        for _ in range(8):
            next(messages)
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "too large")

    service.UploadDataset = refuse

    with serving(service) as client, pytest.raises(InvalidArgumentError, match="too large"):
        client.upload_dataset("/dev/zero")


def test_a_refused_call_waits_as_long_as_the_service_asks(serving):
    service = TroubledService(try_again_in(0.05))

    with serving(service) as client:
        client.get_dataset(DATASET)

    assert len(service.requests) == 2


def test_a_call_is_not_repeated_beyond_the_time_allowed(serving):
    service = TroubledService(*[grpc.StatusCode.UNAVAILABLE] * 100)

    with serving(service, retry_seconds=0.3) as client, pytest.raises(UnavailableError):
        client.get_dataset(DATASET)

    assert 1 < len(service.requests) < 50


def test_what_would_happen_twice_is_not_repeated(serving):
    service = TroubledService(grpc.StatusCode.UNAVAILABLE)

    with serving(service) as client, pytest.raises(UnavailableError):
        client.create_api_key("tenants/a")

    assert len(service.requests) == 1


def test_a_deletion_that_arrived_before_the_connection_broke_counts_as_done(serving):
    service = TroubledService(grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND)

    with serving(service) as client:
        client.delete_dataset(DATASET)


def test_deleting_what_is_not_there_is_an_error(serving):
    with serving(TroubledService(grpc.StatusCode.NOT_FOUND)) as client, pytest.raises(NotFoundError):
        client.delete_dataset(DATASET)


def test_a_stream_is_started_anew_before_its_first_piece(serving):
    service = TroubledService(grpc.StatusCode.UNAVAILABLE)

    with serving(service) as client:
        pieces = list(client.stream_generate("m", "text"))

    assert pieces[-1].result.text == "Warehouse"
    assert [piece.text for piece in pieces] == ["Ware", "house"]


def test_a_stream_that_breaks_after_its_first_piece_is_an_error(serving):
    service = TroubledService(None, grpc.StatusCode.UNAVAILABLE)

    with serving(service) as client, pytest.raises(UnavailableError):
        list(client.stream_generate("m", "text"))

    assert len(service.requests) == 2


def test_a_broken_watch_goes_on_after_the_last_snapshot_that_arrived(serving):
    service = TroubledService(None, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

    with serving(service) as client:
        seen = list(client.watch_tune_experiment("tenants/a/tuneExperiments/e"))

    assert [item.sequence for experiment in seen for item in experiment.snapshots] == [1, 2, 3, 4]
    assert seen[-1].state is JobState.SUCCEEDED
    # The client leaves with the last snapshot, so the service may not get to count that call.
    assert [request.after_sequence for request in service.requests][:3] == [0, 0, 2]


@pytest.mark.parametrize("trouble", [None, grpc.StatusCode.UNAVAILABLE])
def test_waiting_ends_in_time_while_nothing_is_heard(serving, trouble):
    service = TroubledService(*[trouble] * 100)
    begun = time.monotonic()

    with serving(service) as client, pytest.raises(DeadlineExceededError, match="has not ended in time"):
        client.wait_for_experiment("tenants/a/tuneExperiments/silent", timeout_seconds=0.5)

    assert 0.5 <= time.monotonic() - begun < 20


def test_waiting_for_a_deployment_ends_in_time_while_the_service_is_silent(serving):
    service = TroubledService()
    ended = threading.Event()
    service.GetDeployment = lambda request, context: ended.wait(60)

    with serving(service) as client:
        with pytest.raises(DeadlineExceededError):
            client.wait_for_deployment("tenants/a/spaces/default/deployments/d", timeout_seconds=0.3)

        assert not ended.is_set()
        ended.set()


def test_a_file_that_cannot_be_read_to_its_end_is_told(serving):
    with (
        serving(TroubledService()) as client,
        pytest.raises(InvalidArgumentError, match="mem cannot be read: Input/output"),
    ):
        client.upload_dataset("/proc/self/mem")  # opens like any other file, and cannot be read


def test_an_upload_that_is_refused_before_its_end_raises_the_reason(serving):
    service = TroubledService()
    service.UploadDataset = lambda messages, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such key")
    many = [{"input": "a" * 1000, "output": "b"}] * 5000

    with serving(service) as client, pytest.raises(UnauthenticatedError):
        client.upload_dataset(many)


def test_leaving_a_stream_early_ends_the_call(serving):
    service = TroubledService()
    ended = threading.Event()

    def endless(request, context):
        context.add_callback(ended.set)
        while context.is_active():
            yield inference_service_pb2.StreamGenerateResponse(text="a")
            time.sleep(0.01)

    service.StreamGenerate = endless

    with serving(service) as client:
        pieces = client.stream_generate("m", "text")
        next(pieces)
        pieces.close()

        assert ended.wait(60)


def test_a_batch_sends_prompts_again_that_got_no_answer_in_time(serving):
    late = grpc.StatusCode.DEADLINE_EXCEEDED
    with serving(TroubledService(late, late, late)) as client:
        results = client.batch_classify("m", ["a", "b", "c", "d"])

    assert [result.labels for result in results] == [("a",), ("b",), ("c",), ("d",)]


def test_a_batch_with_a_time_of_its_own_keeps_to_it(serving):
    with serving(TroubledService(*[grpc.StatusCode.DEADLINE_EXCEEDED] * 3)) as client:
        results = client.batch_classify("m", ["a", "b", "c"], timeout_seconds=5.0)

    assert [type(result) for result in results] == [DeadlineExceededError] * 3


def test_what_concerns_every_prompt_ends_a_batch_without_more_calls(serving):
    service = TroubledService(*[grpc.StatusCode.PERMISSION_DENIED] * 500)
    with serving(service) as client, pytest.raises(PermissionDeniedError):
        client.batch_classify("m", ["a"] * 500)

    assert len(service.requests) < 200
