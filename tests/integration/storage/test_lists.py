"""Filters, orders and page tokens of lists, on every database."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from factories.examples import examples
from factories.stored import make_tuned_model, store_dataset, store_experiment, store_tenant
from factories.stored_sweeps import store_sweep
from foreword.domain.deployment import RevisionState, Stage
from foreword.domain.failure import Failure
from foreword.domain.model_reference import ModelReference
from foreword.domain.saved_prompt import NewPromptVersion, PromptContent
from foreword.domain.tenant import Scope
from foreword.errors import InternalError, InvalidArgumentError
from foreword.storage.captures.repository import CaptureRepository
from foreword.storage.database import Database
from foreword.storage.lists.fields import DayField, FlagField, NumberField, RealField, TimeField
from foreword.storage.lists.list_specs import LISTS, ListSpec
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.audit_log import AuditLog
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.saved_prompts import SavedPromptRepository
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.storage.repositories.sweeps import SweepRepository
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.repositories.webhooks import WebhookRepository
from foreword.storage.tables import DatasetRow
from foreword.storage.usage.repository import UsageRepository
from foreword.storage.workers.probes import ProbeQueue
from foreword.storage.workers.queue import JobQueue

VALUES = {
    DayField: "2026-01-31",
    NumberField: "1",
    RealField: "0.5",
    FlagField: "true",
    TimeField: "2026-01-31T12:00:00Z",
}
MOMENT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def pages(repository: Any, request: ListRequest) -> list[Any]:
    """Read all pages of a list and return the items."""
    found: list[Any] = []
    while True:
        page = repository.list(request)
        found += page.items
        if not page.next_page_token:
            return found
        assert len(page.items) == request.page_size
        request = replace(request, page_token=page.next_page_token)


def listed(repository: Any, filter: str) -> list[str]:
    """Return the display names of the items that meet a filter, oldest first."""
    return [item.display_name.removesuffix(" (1)") for item in repository.list(ListRequest(filter=filter)).items][::-1]


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database for many examples, which each have their own tenant."""
    if request.param == "sqlite":
        database = Database(tmp_path_factory.mktemp("lists") / "foreword.db")
    else:
        database = Database(request.getfixturevalue("postgres_server_url"))
    database.migrate()
    yield database
    database.close()


_numbers = iter(range(10**9))
names = st.sampled_from(["a", "A", "b", "ä", "a b", "\U0001f4e6", ""])
moments = st.integers(0, 3).map(lambda days: MOMENT + timedelta(days=days, microseconds=days))
rows = st.lists(st.tuples(names, st.integers(1, 3), moments), max_size=12)
orders = st.lists(
    st.tuples(st.sampled_from(["display_name", "row_count", "create_time"]), st.booleans()),
    max_size=3,
    unique_by=lambda term: term[0],
)


def store_rows(database: Database, found: list[tuple[str, int, datetime]]) -> DatasetRepository:
    """Store datasets with these names, counts and times, so that many are equal."""
    tenant = store_tenant(database, f"tenant-{next(_numbers)}")
    with database.write() as session:
        for number, (name, count, moment) in enumerate(found):
            session.execute(
                insert(DatasetRow).values(
                    tenant=tenant,
                    id=f"d{number}",
                    display_name=name,
                    description="",
                    version=number,
                    artifact="",
                    content_sha256="",
                    row_count=count,
                    byte_size=1,
                    report=None,
                    creator="",
                    create_time=moment,
                )
            )
    return DatasetRepository(database, tenant)


@settings(max_examples=examples(40))
@given(found=rows, order=orders, page_size=st.integers(1, 4))
def test_pages_in_any_order_have_every_item_once_and_in_order(
    shared_database: Database, found: list[Any], order: list[tuple[str, bool]], page_size: int
) -> None:
    repository = store_rows(shared_database, found)
    expected = sorted(range(len(found)), reverse=True)  # the newest first among equals
    for field, descending in reversed(order):
        place = ("display_name", "row_count", "create_time").index(field)
        # A reversed sort keeps the order of equal items as well.
        expected.sort(key=lambda number: found[number][place], reverse=descending)
    order_by = ", ".join(f"{field} desc" if descending else field for field, descending in order)

    items = pages(repository, ListRequest(page_size=page_size, order_by=order_by))

    assert [int(item.id[1:]) for item in items] == expected


@settings(max_examples=examples(40))
@given(found=rows, order=orders, name=names, count=st.integers(0, 4), moment=moments, page_size=st.integers(1, 4))
def test_filters_select_on_every_page_what_python_selects(
    shared_database: Database,
    found: list[Any],
    order: list[tuple[str, bool]],
    name: str,
    count: int,
    moment: datetime,
    page_size: int,
) -> None:
    repository = store_rows(shared_database, found)
    filter = f'NOT display_name = "{name}" AND (row_count <= {count} OR create_time > "{moment.isoformat()}")'
    order_by = ", ".join(f"{field} desc" if descending else field for field, descending in order)

    items = pages(repository, ListRequest(page_size=page_size, filter=filter, order_by=order_by))

    assert {item.id for item in items} == {
        f"d{number}" for number, row in enumerate(found) if row[0] != name and (row[1] <= count or row[2] > moment)
    }
    assert len(items) == len({item.id for item in items})


@settings(max_examples=examples(40))
@given(found=rows, wanted=st.sampled_from(["a", "A", "Ä", "ä", " b", "%", "_", "\U0001f4e6", ""]))
def test_a_text_contains_another_regardless_of_the_case_of_ascii_letters(
    shared_database: Database, found: list[Any], wanted: str
) -> None:
    repository = store_rows(shared_database, found)

    items = pages(repository, ListRequest(page_size=50, filter=f"display_name : '{wanted}'"))

    def folded(value: str) -> str:
        return "".join(letter.lower() if letter.isascii() else letter for letter in value)

    assert {item.id for item in items} == {
        f"d{number}" for number, row in enumerate(found) if folded(wanted) in folded(row[0])
    }


def test_tokens_do_not_work_for_another_tenant_list_filter_order_or_key(database: Database) -> None:
    for tenant in ("acme", "other"):
        for _ in range(2):
            store_experiment(database, tenant)
    request = ListRequest(page_size=1, filter="state = QUEUED", order_by="create_time")
    token = ExperimentRepository(database, "acme").list(request).next_page_token
    repository = ExperimentRepository(database, "acme")
    assert repository.list(replace(request, page_token=token)).items

    foreign = [
        lambda: ExperimentRepository(database, "other").list(replace(request, page_token=token)),
        lambda: repository.list(replace(request, page_token=token, filter="state=QUEUED")),
        lambda: repository.list(replace(request, page_token=token, order_by="")),
        lambda: repository.list(replace(request, page_token=token, creator="key-1")),
        lambda: DatasetRepository(database, "acme").list(ListRequest(page_token=token)),
    ]
    for call in foreign:
        with pytest.raises(InvalidArgumentError, match="does not belong to this list"):
            call()


def test_servers_of_one_database_share_the_key_of_tokens(database: Database, database_url: str) -> None:
    for _ in range(2):
        store_dataset(database)
    other = Database(database_url)

    token = DatasetRepository(database, "acme").list(ListRequest(page_size=1)).next_page_token
    page = DatasetRepository(other, "acme").list(ListRequest(page_size=1, page_token=token))

    assert len(page.items) == 1
    other.close()


def test_nothing_that_a_tenant_sees_shows_how_much_others_have_stored(database: Database) -> None:
    """Row numbers count over all tenants, so neither tokens nor etags may depend on them."""
    store_tenant(database, "acme")
    for tenant in ("acme", "busy"):
        store_tenant(database, tenant)
        DeploymentRepository(database, tenant).create(
            space="default", id="d", serving_name="d", model=ModelReference(base_model="foreword--starter")
        )
    with database.write() as session:
        session.execute(text("UPDATE deployments SET create_time = (SELECT MIN(create_time) FROM deployments)"))
    for _ in range(2):
        store_dataset(database, "acme")

    etags = {DeploymentRepository(database, tenant).get("default", "d").etag for tenant in ("acme", "busy")}
    token = DatasetRepository(database, "acme").list(ListRequest(page_size=1)).next_page_token

    assert len(etags) == 1
    assert len(base64.urlsafe_b64decode(token)) == 12 + len("[1]") + 16


@pytest.mark.parametrize("spec", LISTS, ids=lambda spec: spec.name)
def test_every_field_of_every_list_can_be_used_in_sql(database: Database, spec: ListSpec[Any]) -> None:
    DeploymentRepository(database, store_tenant(database)).create(
        space="default", id="triage", serving_name="triage", model=ModelReference(base_model="foreword--starter")
    )
    prompts = SavedPromptRepository(database, "acme")
    prompts.create(NewPromptVersion(content=PromptContent(text="x")), id="p")
    webhooks = WebhookRepository(database, "acme")
    webhooks.create(id="w", url="https://hooks.example.com/", kinds=["*"])
    read = {
        "datasets": DatasetRepository(database, "acme").list,
        "tuneExperiments": ExperimentRepository(database, "acme").list,
        "tuneSweeps": SweepRepository(database, "acme").list,
        "evaluations": EvaluationRepository(database, "acme").list,
        "batchJobs": BatchJobRepository(database, "acme").list,
        "tunedModels": TunedModelRepository(database, "acme").list,
        "spaces": SpaceRepository(database, "acme").list,
        "deployments": lambda request: DeploymentRepository(database, "acme").list(None, request),
        "savedPrompts": prompts.list,
        "versions": lambda request: prompts.list_versions("p", request),
        "capturedRequests": lambda request: CaptureRepository(database, "acme").list("default", "triage", request),
        "tenants": TenantRepository(database).list_tenants,
        "apiKeys": lambda request: TenantRepository(database).list_api_keys("acme", request),
        "webhooks": webhooks.list,
        "auditRecords": lambda request: AuditLog(database).list("acme", request),
        "usage": UsageRepository(database, "acme").list,
        "deliveries": lambda request: webhooks.list_deliveries("w", request),
    }[spec.name]
    for name, field in spec.fields.items():
        choices = getattr(field, "choices", None)
        value = next(iter(choices)).name if choices else VALUES.get(type(field), "x")
        for operator in field.operators:
            read(ListRequest(filter=f'{name} {operator} "{value}"'))
        if field.sortable:
            read(ListRequest(order_by=f"{name} desc"))
            read(ListRequest(order_by=name))


def test_experiments_are_found_by_state_references_and_times(database: Database) -> None:
    first = store_experiment(database, display_name="first")
    second = store_experiment(database, display_name="second", dataset=first.config.dataset)
    store_experiment(database, display_name="third")
    repository = ExperimentRepository(database, "acme")
    queue = JobQueue(database)
    lease = queue.lease("worker", timedelta(minutes=1))
    assert lease is not None
    model = make_tuned_model(lease.experiment)
    queue.succeed(lease, tuned_model=model, evaluations=(), curve_advice="", compute_seconds=1.0)
    repository.request_cancel(second.id)

    assert listed(repository, "state = SUCCEEDED OR state = STATE_CANCELLED") == ["first", "second"]
    assert listed(repository, "state != queued") == ["first", "second"]
    assert listed(repository, f"dataset = tenants/acme/datasets/{first.config.dataset}") == ["first", "second"]
    assert listed(repository, f"dataset = {first.config.dataset} AND NOT state = CANCELLED") == ["first"]
    assert listed(repository, f"dataset = tenants/other/datasets/{first.config.dataset}") == []
    assert listed(repository, "base_model = baseModels/foreword--starter") == ["first", "second", "third"]
    assert listed(repository, f"tuned_model = {model.id}") == ["first"]
    assert listed(repository, f"NOT tuned_model = {model.id}") == ["second", "third"]
    assert listed(repository, 'start_time > "2020-01-01T00:00:00Z"') == ["first"]
    assert listed(repository, 'end_time < "2100-01-01T00:00:00+02:00"') == ["first", "second"]
    assert listed(TunedModelRepository(database, "acme"), f"tune_experiment = {first.id}") == ["first"]


def test_experiments_sweeps_and_models_are_found_by_their_tags(database: Database) -> None:
    store_experiment(database, display_name="billing", tags={"team": "billing", "cost-center.eu": "7"})
    store_experiment(database, display_name="shop", tags={"team": "Shop floor", "reviewed": "no"})
    store_experiment(database, display_name="none")
    experiments = ExperimentRepository(database, "acme")
    queue = JobQueue(database)
    lease = queue.lease("worker", timedelta(minutes=1))
    assert lease is not None
    queue.succeed(
        lease, tuned_model=make_tuned_model(lease.experiment), evaluations=(), curve_advice="", compute_seconds=1.0
    )

    assert listed(experiments, 'tags.team = "billing"') == ["billing"]
    assert listed(experiments, 'tags.team = "Shop floor"') == ["shop"]
    assert listed(experiments, "tags.team : FLOOR") == ["shop"]
    assert listed(experiments, "tags.team != billing") == ["shop"]
    assert listed(experiments, "NOT tags.team = billing") == ["shop", "none"]
    assert listed(experiments, "tags.cost-center.eu = 7 AND tags : team") == ["billing"]
    assert listed(experiments, "tags : reviewed OR tags : nothing") == ["shop"]
    assert listed(TunedModelRepository(database, "acme"), "tags.team = billing") == ["billing"]
    assert listed(TunedModelRepository(database, "acme"), "tags.team = shop") == []
    sweep = store_sweep(database, tags={"team": "billing"})
    assert SweepRepository(database, "acme").list(ListRequest(filter="tags.team = billing")).items[0].id == sweep.id


@pytest.mark.parametrize(
    ("filter", "problem"),
    [
        ("tags.team > a", "use = or != or :"),
        ("tags = team", "cannot compare tags by =; use :"),
        ("tags : 'a\"b'", "a key has at most 63 letters"),
        ("tags.-a = b", "a key has at most 63 letters"),
        ("task.kind = a", "task has no keys"),
        ("tags. = a", "expected =, !="),
        ("tagss.team = a", "Did you mean 'tags'"),
    ],
)
def test_a_filter_by_tags_that_cannot_be_read_is_refused(database: Database, filter: str, problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match=problem) as caught:
        ExperimentRepository(database, "acme").list(ListRequest(filter=filter))

    assert caught.value.violations[0].field == "filter"


def test_spaces_deployments_and_keys_are_found_by_tags_states_and_scopes(database: Database) -> None:
    tenant = store_tenant(database)
    spaces, deployments = SpaceRepository(database, tenant), DeploymentRepository(database, tenant)
    spaces.create("live", stage=Stage.PRODUCTION, tags=["billing", "eu"])
    spaces.create("test", tags=["bill"])
    base = ModelReference(base_model="foreword--starter")
    for name in ("ready", "failing", "waiting", "changing"):
        deployments.create(space="live", id=name, serving_name=name, model=base, tags=[name, "all"])
    probes = ProbeQueue(database)
    results = {"ready": RevisionState.READY, "failing": RevisionState.FAILED, "changing": RevisionState.READY}
    waiting: set[tuple[int, int]] = set()
    while pending := probes.pending(1, skip=waiting):
        (revision,) = pending
        match results.get(revision.deployment):
            case RevisionState.READY:
                probes.ready(tenant, revision.key, 0.0)
            case RevisionState.FAILED:
                probes.failed(tenant, revision.key, Failure.of(InternalError("Broken.")))
            case _:
                waiting.add(revision.key)
    for number, name in ((2, "other"), (3, "failing")):  # the newest revision fails while the one before is probed
        deployments.update("live", "changing", model=ModelReference(base_model=name))
        if name == "failing":
            probes.failed(tenant, (4, number), Failure.of(InternalError("Broken.")))
    tenants = TenantRepository(database)
    tenants.create_api_key(tenant, "reader", {Scope.READ})
    tenants.create_api_key(tenant, "administrator", {Scope.ADMIN, Scope.READ}, MOMENT + timedelta(days=9_999))

    def found(filter: str) -> list[str]:
        listed = deployments.list(None, ListRequest(filter=filter, order_by="serving_name")).items
        assert all(item.state.name in filter or "state" not in filter for item in listed)
        return [item.id for item in listed]

    def keys(filter: str) -> list[str]:
        return [item.display_name for item in tenants.list_api_keys(tenant, ListRequest(filter=filter)).items]

    assert [item.id for item in spaces.list(ListRequest(filter="tags : billing")).items] == ["live"]
    assert [item.id for item in spaces.list(ListRequest(filter="stage = DEVELOPMENT")).items] == ["default", "test"]
    assert [item.id for item in spaces.list(ListRequest(filter="name = tenants/acme/spaces/test")).items] == ["test"]
    assert found("state = READY") == ["ready"]
    assert found("state = FAILED") == ["failing"]
    assert found("state = INITIALIZING") == ["waiting"]
    assert found("state = UPDATING") == ["changing"]
    assert found("tags : all") == ["changing", "failing", "ready", "waiting"]
    assert found("tags : al") == []
    assert keys("scopes : READ") == ["administrator", "reader"]
    assert keys("scopes : ADMIN") == ["administrator"]
    assert keys('expire_time > "2026-02-01T00:00:00Z"') == ["administrator"]


@pytest.mark.parametrize(
    ("order_by", "problem"),
    [
        ("mood", "sort by some of display_name, version"),
        ("display_name upwards", "asc, desc or nothing"),
        ("display_name, display_name desc", "only once"),
        ("display_name,", "cannot sort by ''"),
    ],
)
def test_an_order_that_cannot_be_read_is_refused(database: Database, order_by: str, problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match=problem) as caught:
        DatasetRepository(database, "acme").list(ListRequest(order_by=order_by))

    assert caught.value.violations[0].field == "order_by"


@pytest.mark.parametrize(
    ("filter", "problem"),
    [
        ("mood = good", "filter by display_name, description, version"),
        ("row_count = many", "a whole number"),
        ("row_count = 99999999999999999999", "a whole number"),
        ("create_time > 2026-01-31T12:00:00", 'a time such as "2026-01-31T12:00:00Z"'),
        ("create_time > 0001-01-01T00:00:00+14:00", 'a time such as "2026-01-31T12:00:00Z"'),
        ("display_name < a", "use = or != or :"),
        ("row_count : 1", "use = or != or < or <= or > or >="),
        ("display_name = '\x00'", "NUL"),
    ],
)
def test_a_filter_that_a_list_does_not_have_is_refused(database: Database, filter: str, problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match=problem) as caught:
        DatasetRepository(database, "acme").list(ListRequest(filter=filter))

    assert caught.value.violations[0].field == "filter"
