from __future__ import annotations

import pytest

from factories.api import refused
from factories.servers import RunningServer
from foreword.v1 import tenant_service_pb2, tune_experiment_service_pb2

WHO = tenant_service_pb2.WhoAmIRequest()


def trailer(call) -> str:
    return {item.key: item.value for item in call.trailing_metadata()}["x-request-id"]


def test_the_clients_request_id_comes_back_in_the_trailers(server: RunningServer):
    _, call = server.stubs().tenants.WhoAmI.with_call(WHO, metadata=[("x-request-id", "abc-1")])

    assert trailer(call) == "abc-1"


def test_without_one_the_service_makes_one(server: RunningServer):
    stubs = server.stubs()

    ids = {trailer(stubs.tenants.WhoAmI.with_call(WHO)[1]) for _ in range(2)}

    assert len(ids) == 2


@pytest.mark.parametrize("odd", ["with space", "x" * 129])
def test_an_odd_request_id_is_replaced(server: RunningServer, odd: str):
    _, call = server.stubs().tenants.WhoAmI.with_call(WHO, metadata=[("x-request-id", odd)])

    assert trailer(call) not in ("", odd)


def test_errors_carry_the_request_id_too(server: RunningServer):
    failure = refused(server.stubs(key=None).tenants.WhoAmI, WHO, metadata=[("x-request-id", "abc-2")])

    assert failure.trailers["x-request-id"] == "abc-2"


def test_streams_carry_the_request_id_too(server: RunningServer):
    request = tune_experiment_service_pb2.WatchTuneExperimentRequest(name="tenants/dev/tuneExperiments/none")

    failure = refused(server.stubs().experiments.WatchTuneExperiment, request, metadata=[("x-request-id", "abc-3")])

    assert failure.trailers["x-request-id"] == "abc-3"
