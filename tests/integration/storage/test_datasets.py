"""Datasets of a tenant."""

from __future__ import annotations

import pytest

from factories.stored import make_report, store_dataset, store_experiment, store_tenant
from foreword.errors import AlreadyExistsError, FailedPreconditionError, InvalidArgumentError, NotFoundError
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.requests import RequestKey


def test_what_was_stored_is_found_with_its_report(database):
    dataset = store_dataset(database)
    found = DatasetRepository(database, "acme").get(dataset.id)
    assert found == dataset
    assert found.report == make_report()


def test_versions_of_a_name_count_up(database):
    assert [store_dataset(database, display_name=name).version for name in ("a", "a", "b", "a")] == [1, 2, 1, 3]


def test_the_version_of_a_deleted_dataset_is_not_given_out_again(database):
    store_dataset(database)
    DatasetRepository(database, "acme").delete(store_dataset(database).id)
    assert store_dataset(database).version == 3


def test_tenants_count_their_versions_apart_and_do_not_see_each_other(database):
    ours, theirs = store_dataset(database, "acme"), store_dataset(database, "other")
    assert (ours.version, theirs.version) == (1, 1)
    with pytest.raises(NotFoundError):
        DatasetRepository(database, "acme").get(theirs.id)
    with pytest.raises(NotFoundError):
        DatasetRepository(database, "acme").delete(theirs.id)
    assert [item.id for item in DatasetRepository(database, "acme").list().items] == [ours.id]


def test_another_tenants_dataset_reads_like_one_that_does_not_exist(database):
    theirs = store_dataset(database, "other")
    repository = DatasetRepository(database, store_tenant(database))
    messages = []
    for id in (theirs.id, "0" * 16):
        with pytest.raises(NotFoundError) as caught:
            repository.get(id)
        messages.append(caught.value.message.replace(id, "ID"))
    assert messages[0] == messages[1]


def test_datasets_are_listed_newest_first_in_pages_without_reports(database):
    stored = [store_dataset(database).id for _ in range(5)]
    repository = DatasetRepository(database, "acme")
    found, token, pages = [], "", 0
    while not pages or token:
        page = repository.list(ListRequest(page_size=2, page_token=token))
        found += page.items
        token, pages = page.next_page_token, pages + 1
    assert [item.id for item in found] == stored[::-1]
    assert {item.report for item in found} == {None}
    assert pages == 3


def test_a_dataset_stored_while_a_caller_pages_shifts_nothing(database):
    stored = [store_dataset(database).id for _ in range(3)]
    repository = DatasetRepository(database, "acme")
    first = repository.list(ListRequest(page_size=2))
    store_dataset(database)
    second = repository.list(ListRequest(page_size=2, page_token=first.next_page_token))
    assert [item.id for item in first.items + second.items] == stored[::-1]


@pytest.mark.parametrize("token", ["x", "AAAA", "e30=", "\x00"])
def test_a_bad_page_token_is_refused(database, token):
    with pytest.raises(InvalidArgumentError) as caught:
        DatasetRepository(database, "acme").list(ListRequest(page_size=2, page_token=token))
    assert caught.value.violations[0].field == "page_token"


def test_the_same_request_again_gets_the_same_dataset(database):
    request = RequestKey("UploadDataset", "r1", "f1")
    assert store_dataset(database, request=request) == store_dataset(database, request=request)
    assert len(DatasetRepository(database, "acme").list().items) == 1


def test_a_request_id_with_other_content_is_refused(database):
    store_dataset(database, request=RequestKey("UploadDataset", "r1", "f1"))
    with pytest.raises(AlreadyExistsError) as caught:
        store_dataset(database, request=RequestKey("UploadDataset", "r1", "f2"))
    assert caught.value.reason == "REQUEST_ID_REUSED"


def test_a_request_id_belongs_to_its_tenant_and_its_method(database):
    ids = {
        store_dataset(database, tenant, request=RequestKey(rpc, "r1", rpc)).id
        for tenant, rpc in (("acme", "Upload"), ("other", "Upload"), ("acme", "Import"))
    }
    assert len(ids) == 3


def test_a_replay_whose_dataset_was_deleted_is_reported(database):
    request = RequestKey("UploadDataset", "r1", "f1")
    DatasetRepository(database, "acme").delete(store_dataset(database, request=request).id)
    with pytest.raises(NotFoundError, match="deleted since"):
        store_dataset(database, request=request)


def test_a_dataset_is_kept_while_an_experiment_needs_it(database):
    dataset = store_dataset(database)
    experiment = store_experiment(database, dataset=dataset.id)
    repository = DatasetRepository(database, "acme")
    with pytest.raises(FailedPreconditionError, match=experiment.id):
        repository.delete(dataset.id)
    ExperimentRepository(database, "acme").request_cancel(experiment.id)
    repository.delete(dataset.id)
    with pytest.raises(NotFoundError):
        repository.get(dataset.id)


def test_a_validation_dataset_is_kept_while_an_experiment_needs_it(database):
    dataset = store_dataset(database)
    experiment = store_experiment(database, validation_dataset=dataset.id)
    repository = DatasetRepository(database, "acme")
    with pytest.raises(FailedPreconditionError, match=experiment.id):
        repository.delete(dataset.id)
    ExperimentRepository(database, "acme").request_cancel(experiment.id)
    repository.delete(dataset.id)
    with pytest.raises(NotFoundError):
        store_experiment(database, validation_dataset=dataset.id)


def test_experiments_are_found_by_their_validation_dataset(database):
    dataset = store_dataset(database)
    measured, other = store_experiment(database, validation_dataset=dataset.id), store_experiment(database)
    repository = ExperimentRepository(database, "acme")
    found = repository.list(ListRequest(filter=f"validation_dataset = {dataset.id}"))
    rest = repository.list(ListRequest(filter=f"NOT validation_dataset = {dataset.id}"))
    assert [item.id for item in found.items] == [measured.id]
    assert [item.id for item in rest.items] == [other.id]


def test_deleting_names_the_artifact_only_when_no_other_dataset_needs_it(database):
    first, second = store_dataset(database), store_dataset(database)
    repository = DatasetRepository(database, "acme")
    assert repository.delete(first.id) is None
    assert repository.delete(second.id) == second.artifact


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_no_database_can_store_is_the_callers_fault(database, text):
    with pytest.raises(InvalidArgumentError) as caught:
        store_dataset(database, display_name=text)
    assert [violation.field for violation in caught.value.violations] == ["display_name"]


@pytest.mark.parametrize("text", ["Ünïcode 漢字 🙂", "'; DROP TABLE datasets; --", "100%_\\", "\u202e"])
def test_any_other_text_comes_back_as_it_was(database, text):
    dataset = store_dataset(database, display_name=text)
    assert DatasetRepository(database, "acme").get(dataset.id).display_name == text


def test_a_dataset_of_a_missing_tenant_is_not_stored(database):
    with pytest.raises(NotFoundError, match="tenants/nobody"):
        DatasetRepository(database, "nobody").create(
            display_name="x",
            description="",
            artifact="x",
            content_sha256="",
            blocks_sha256="",
            row_count=0,
            byte_size=0,
            report=make_report(),
            creator="",
        )
