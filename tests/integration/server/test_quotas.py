"""Every quota is refused at its edge and not before, with its name, its number and the remedy."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from factories.api import (
    RpcFailure,
    create_batch_job,
    create_experiment,
    create_sweep,
    failure_of,
    make_file,
    refused,
    upload,
)
from factories.servers import RunningServer
from foreword.domain.failure import Failure
from foreword.domain.quota import QuotaKind, Quotas
from foreword.domain.tenant import Scope
from foreword.domain.usage import UsageKey, UsageKind
from foreword.errors import InternalError
from foreword.storage.lists.request import ListRequest
from foreword.storage.quotas.checks import next_month
from foreword.storage.quotas.sums import add_usage, day_of
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.v1 import (
    deployment_service_pb2,
    inference_service_pb2,
    quota_pb2,
    tenant_service_pb2,
    usage_service_pb2,
)

BASE = "baseModels/foreword--starter"


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@dataclass
class Tenant:
    """A tenant with a key of its own, whose quotas an administrator sets."""

    name: str
    server: RunningServer
    stubs: Any

    def allow(self, **limits: float) -> quota_pb2.Quota:
        """Set quotas; they are in force at once."""
        quota = quota_pb2.Quota(name=f"tenants/{self.name}/quota", **limits)
        updated = self.server.stubs().usage.UpdateQuota(usage_service_pb2.UpdateQuotaRequest(quota=quota))
        self.server.pass_time(1.1)
        return updated

    def used(self, kind: QuotaKind) -> float:
        quota = self.stubs.usage.GetQuota(usage_service_pb2.GetQuotaRequest())
        return next(item.used for item in quota.uses if item.quota == kind.value)


_numbers = itertools.count()


@pytest.fixture
def tenant(server: RunningServer) -> Iterator[Tenant]:
    """A tenant that leaves no queued job behind."""
    name = f"tenant-{next(_numbers)}"
    yield Tenant(name, server, server.stubs(server.new_key(name)))
    for repository in (ExperimentRepository(server.database, name), BatchJobRepository(server.database, name)):
        for item in repository.list(ListRequest(filter="state = QUEUED")).items:
            repository.request_cancel(item.id)


def deploy(stubs: Any, serving_name: str, **fields: Any) -> Any:
    return stubs.deployments.CreateDeployment(
        deployment_service_pb2.CreateDeploymentRequest(
            deployment={"model": BASE, "serving_name": serving_name}, deployment_id=serving_name, **fields
        )
    )


def generate(stubs: Any) -> Any:
    return stubs.inference.Generate(
        inference_service_pb2.GenerateRequest(model=BASE, text="x", parameters={"max_new_tokens": 2})
    )


def whoami(stubs: Any) -> Any:
    return stubs.tenants.WhoAmI(tenant_service_pb2.WhoAmIRequest())


def use_hours(tenant: Tenant, hours: float) -> None:
    with tenant.server.database.write() as session:
        key = UsageKey(tenant.name, day_of(datetime.now(UTC)), BASE, UsageKind.CAPACITY_UNIT_HOURS.value)
        add_usage(session, {key: hours})


@dataclass
class Edge:
    """A way to reach a quota: `step` succeeds as often as `allowed` says, and not once more.

    Attributes:
        prepare: Sets the quota; its result is passed to `step`.
    """

    allowed: int
    prepare: Callable[[Tenant], Any]
    step: Callable[[Tenant, Any, int], Any]
    waiting_helps: bool


def limited(**limits: float) -> Callable[[Tenant], Any]:
    def prepare(tenant: Tenant) -> Any:
        dataset = upload(tenant.stubs, make_file(30)).name
        tenant.allow(**limits)
        return dataset

    return prepare


def hours_for_two_runs(tenant: Tenant) -> str:
    dataset = upload(tenant.stubs, make_file(30)).name
    one = create_experiment(tenant.stubs, dataset, validate_only=True).plan.estimated_capacity_unit_hours
    assert one > 0
    use_hours(tenant, 1.0)
    tenant.allow(capacity_unit_hours_per_month=1.0 + 2.5 * one)
    return dataset


def bytes_for_three_datasets(tenant: Tenant) -> str:
    dataset = upload(tenant.stubs, make_file(30), display_name="0")
    tenant.allow(stored_bytes=3 * dataset.byte_size)
    return dataset.name


def tokens_for_three_answers(tenant: Tenant) -> str:
    usage = generate(tenant.stubs).usage
    cost = usage.input_tokens + usage.generated_tokens
    tenant.allow(tokens_per_second=2 * cost + 1)  # after two answers, one token is left
    return ""


EDGES = {
    QuotaKind.REQUESTS_PER_SECOND: Edge(
        5, limited(requests_per_second=5), lambda tenant, _, __: whoami(tenant.stubs), True
    ),
    QuotaKind.TOKENS_PER_SECOND: Edge(3, tokens_for_three_answers, lambda tenant, _, __: generate(tenant.stubs), True),
    QuotaKind.QUEUED_JOBS: Edge(
        2, limited(queued_jobs=2), lambda tenant, dataset, _: create_experiment(tenant.stubs, dataset), True
    ),
    QuotaKind.DATASET_ROWS: Edge(
        2,
        limited(dataset_rows=90),
        lambda tenant, _, number: upload(tenant.stubs, make_file(30), display_name=f"n{number}"),
        False,
    ),
    QuotaKind.STORED_BYTES: Edge(
        2,
        bytes_for_three_datasets,
        lambda tenant, _, number: upload(tenant.stubs, make_file(30), display_name=f"n{number}"),
        False,
    ),
    QuotaKind.DEPLOYMENTS: Edge(
        2, limited(deployments=2), lambda tenant, _, number: deploy(tenant.stubs, f"d{number}"), False
    ),
    QuotaKind.CAPACITY_UNIT_HOURS_PER_MONTH: Edge(
        2, hours_for_two_runs, lambda tenant, dataset, _: create_experiment(tenant.stubs, dataset), True
    ),
}


def test_every_quota_that_refuses_is_tried_here():
    assert {kind.value for kind in QuotaKind} == {field.name for field in fields(Quotas)}
    assert EDGES.keys() == set(QuotaKind) - {QuotaKind.RUNNING_JOBS}  # it lets jobs wait


@pytest.mark.parametrize("kind", EDGES, ids=lambda kind: kind.value)
def test_a_quota_is_refused_at_its_edge_and_not_before(tenant: Tenant, kind: QuotaKind, monkeypatch):
    edge = EDGES[kind]
    given = edge.prepare(tenant)
    stop_clock(tenant, monkeypatch)
    for number in range(edge.allowed):
        edge.step(tenant, given, number)

    failure = refused(edge.step, tenant, given, edge.allowed)

    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.reason == ("QUEUE_FULL" if kind is QuotaKind.QUEUED_JOBS else "QUOTA_EXCEEDED")
    assert failure.quota == f"tenants/{tenant.name}"
    assert failure.metadata["quota"] == kind.value
    assert f"the quota {kind.value} of tenants/{tenant.name} is {failure.metadata['limit']}" in failure.message
    assert (failure.retry_seconds is not None) == edge.waiting_helps


def stop_clock(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of the rates, so that nothing flows into the buckets while a test runs."""
    now = tenant.server.server._rates._clock()
    monkeypatch.setattr(tenant.server.server._rates, "_clock", lambda: now)


@pytest.mark.parametrize("kind", [kind for kind in EDGES if kind.is_rate], ids=lambda kind: kind.value)
def test_a_rate_admits_again_after_the_time_that_it_states(tenant: Tenant, kind: QuotaKind, monkeypatch):
    edge = EDGES[kind]
    given = edge.prepare(tenant)
    rates = tenant.server.server._rates
    now = [rates._clock()]
    monkeypatch.setattr(rates, "_clock", lambda: now[0])
    for number in range(edge.allowed):
        edge.step(tenant, given, number)
    seconds = refused(edge.step, tenant, given, 0).retry_seconds
    assert seconds is not None
    assert 0 < seconds < 3

    now[0] += seconds * 0.9
    refused(edge.step, tenant, given, 0)
    now[0] += seconds * 0.1 + 1e-6
    edge.step(tenant, given, 0)


def test_a_batch_counts_as_many_requests_as_it_holds(tenant: Tenant, monkeypatch):
    tenant.allow(requests_per_second=5)
    stop_clock(tenant, monkeypatch)
    request = inference_service_pb2.BatchGenerateRequest(
        model=BASE, requests=[{"text": "x"}] * 4, parameters={"max_new_tokens": 1}
    )
    tenant.stubs.inference.BatchGenerate(request)
    whoami(tenant.stubs)

    failure = refused(whoami, tenant.stubs)

    assert failure.metadata["quota"] == "requests_per_second"


def test_creations_that_race_cannot_both_pass(tenant: Tenant):
    tenant.allow(deployments=1)
    outcomes: list[Any] = []

    def create(number: int) -> None:
        try:
            outcomes.append(deploy(tenant.stubs, f"d{number}"))
        except grpc.RpcError as error:
            outcomes.append(failure_of(error))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    failures = [item for item in outcomes if isinstance(item, RpcFailure)]
    assert len(failures) == 5
    assert {item.reason for item in failures} == {"QUOTA_EXCEEDED"}


def test_jobs_over_the_quota_of_running_jobs_wait_in_the_queue(tenant: Tenant):
    dataset = upload(tenant.stubs, make_file(30)).name
    tenant.allow(running_jobs=1)
    first, second = (create_experiment(tenant.stubs, dataset) for _ in range(2))
    queue = tenant.server.queue
    leases = [queue.lease(f"worker {number}", timedelta(minutes=1)) for number in range(2)]
    mine = [lease for lease in leases if lease is not None and lease.tenant == tenant.name]
    others = [lease for lease in leases if lease is not None and lease.tenant != tenant.name]

    assert [lease.name for lease in mine] == [first.name]
    assert others == []
    assert tenant.used(QuotaKind.RUNNING_JOBS) == 1
    queue.fail(mine[0], Failure.of(InternalError("Over.")), 0.0)
    following = queue.lease("worker 0", timedelta(minutes=1))
    assert following is not None
    assert following.name == second.name
    queue.fail(following, Failure.of(InternalError("Over.")), 0.0)


def test_a_sweep_and_a_batch_job_count_with_the_hours_that_they_are_expected_to_take(tenant: Tenant):
    dataset = upload(tenant.stubs, make_file(30)).name
    sweep = create_sweep(tenant.stubs, dataset, validate_only=True)
    tenant.allow(capacity_unit_hours_per_month=0.9 * sweep.plan.estimated_capacity_unit_hours)

    failure = refused(create_sweep, tenant.stubs, dataset)
    job = create_batch_job(tenant.stubs, dataset)  # it takes less

    assert failure.metadata["quota"] == "capacity_unit_hours_per_month"
    assert job.name


@pytest.mark.parametrize("limits", [{"queued_jobs": 1}, {"capacity_unit_hours_per_month": 0.0001}])
def test_what_a_quota_never_allows_is_refused_without_a_time_to_wait(tenant: Tenant, limits: dict[str, float]):
    dataset = upload(tenant.stubs, make_file(30)).name
    tenant.allow(**limits)

    failure = refused(create_sweep, tenant.stubs, dataset)

    assert failure.metadata["quota"] == next(iter(limits))
    assert "Wait" not in failure.message
    assert failure.retry_seconds is None


def test_hours_are_free_again_in_the_next_month(tenant: Tenant):
    dataset = upload(tenant.stubs, make_file(30)).name
    use_hours(tenant, 2.0)
    tenant.allow(capacity_unit_hours_per_month=2.0)
    failure = refused(create_experiment, tenant.stubs, dataset)
    now = datetime.now(UTC)

    assert failure.retry_seconds == pytest.approx((next_month(now) - now).total_seconds(), abs=60)
    assert next_month(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_full_store_refuses_runs_whose_model_would_have_no_room(tenant: Tenant):
    dataset = upload(tenant.stubs, make_file(30))
    tenant.allow(stored_bytes=dataset.byte_size)

    failure = refused(create_experiment, tenant.stubs, dataset.name)

    assert failure.metadata["quota"] == "stored_bytes"
    tenant.allow(stored_bytes=dataset.byte_size + 1)
    run = create_experiment(tenant.stubs, dataset.name)
    model = tenant.server.tune_by_hand(run.name)
    assert model
    assert tenant.used(QuotaKind.STORED_BYTES) > dataset.byte_size + 1


def test_a_refused_upload_leaves_no_dataset_and_no_file(tenant: Tenant):
    tenant.allow(dataset_rows=10)
    refused(upload, tenant.stubs, make_file(30))

    assert tenant.used(QuotaKind.DATASET_ROWS) == 0
    tenant.allow(dataset_rows=30)
    assert upload(tenant.stubs, make_file(30)).name


def test_a_quota_of_a_tenant_takes_the_place_of_the_default_and_gives_it_back(start_server):
    server = start_server(quota_deployments=1)
    tenant = Tenant("acme", server, server.stubs(server.new_key("acme")))
    deploy(tenant.stubs, "d0")
    refused(deploy, tenant.stubs, "d1")

    def of_deployments(quota: quota_pb2.Quota) -> quota_pb2.QuotaUse:
        return next(item for item in quota.uses if item.quota == "deployments")

    own = tenant.allow(deployments=2)
    deploy(tenant.stubs, "d1")
    assert (of_deployments(own).limit, of_deployments(own).is_default) == (2, False)
    default = server.stubs().usage.UpdateQuota(
        usage_service_pb2.UpdateQuotaRequest(
            quota=quota_pb2.Quota(name="tenants/acme/quota", etag=own.etag), update_mask={"paths": ["deployments"]}
        )
    )
    assert (of_deployments(default).limit, of_deployments(default).is_default) == (1, True)
    assert not default.HasField("deployments")
    stale = quota_pb2.Quota(name="tenants/acme/quota", etag=own.etag, deployments=9)
    failure = refused(server.stubs().usage.UpdateQuota, usage_service_pb2.UpdateQuotaRequest(quota=stale))
    assert failure.code is grpc.StatusCode.ABORTED


def test_quotas_out_of_range_are_named_all_at_once(server: RunningServer):
    quota = quota_pb2.Quota(name="tenants/dev/quota", requests_per_second=0, deployments=-1, stored_bytes=10)

    failure = refused(server.stubs().usage.UpdateQuota, usage_service_pb2.UpdateQuotaRequest(quota=quota))

    assert set(failure.violations) == {"quota.requests_per_second", "quota.deployments"}


def test_only_an_administrator_sees_or_sets_the_quotas_of_others(server: RunningServer):
    stubs = server.stubs(server.new_key("curious", (Scope.READ, Scope.WRITE, Scope.INFER)))
    server.new_key("owner")
    quota = quota_pb2.Quota(name="tenants/curious/quota", deployments=1)

    own = refused(stubs.usage.UpdateQuota, usage_service_pb2.UpdateQuotaRequest(quota=quota))
    other = refused(stubs.usage.GetQuota, usage_service_pb2.GetQuotaRequest(name="tenants/owner/quota"))
    everyone = refused(stubs.usage.ListUsage, usage_service_pb2.ListUsageRequest(parent="tenants/-"))

    assert own.code is grpc.StatusCode.PERMISSION_DENIED
    assert other.code is everyone.code is grpc.StatusCode.NOT_FOUND
    found = server.stubs().usage.GetQuota(usage_service_pb2.GetQuotaRequest(name="tenants/owner/quota"))
    assert found.name == "tenants/owner/quota"
    missing = refused(server.stubs().usage.GetQuota, usage_service_pb2.GetQuotaRequest(name="tenants/ghost/quota"))
    assert missing.code is grpc.StatusCode.NOT_FOUND
