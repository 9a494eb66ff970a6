"""Tenants and API keys."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from factories.stored import MOMENT
from foreword.domain.tenant import Scope
from foreword.errors import AbortedError, AlreadyExistsError, InvalidArgumentError, NotFoundError
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.storage.repositories.tenant_lifecycle import TenantLifecycle
from foreword.storage.repositories.tenants import TenantRepository, hash_secret


@pytest.fixture
def tenants(database: Database) -> TenantRepository:
    """The repository of tenants, without any tenant."""
    return TenantRepository(database)


def test_the_id_of_a_deleted_tenant_is_taken_until_it_is_purged(tenants, database):
    tenants.create_tenant("acme")
    TenantLifecycle(database).delete("acme")

    with pytest.raises(AlreadyExistsError, match=r"is being deleted.*tenants undelete acme"):
        tenants.create_tenant("acme")


def test_each_change_of_a_tenant_has_its_etag_and_repeating_it_changes_nothing(tenants, database):
    lifecycle = TenantLifecycle(database)
    created = tenants.create_tenant("acme")
    changes = [
        lambda etag="": lifecycle.suspend("acme", reason="why", etag=etag),
        lambda etag="": lifecycle.delete("acme", etag=etag),
        lambda etag="": lifecycle.undelete("acme", etag=etag),
        lambda etag="": lifecycle.resume("acme", etag=etag),
    ]
    seen = [created]
    for change in changes:
        seen.append(change(etag=seen[-1].etag))
        assert change() == seen[-1] == tenants.get_tenant("acme")
        with pytest.raises(AbortedError):
            change(etag=created.etag)

    assert [item.state.value for item in seen] == ["active", "suspended", "deleting", "suspended", "active"]
    assert len({item.etag for item in seen}) == 5
    assert seen[1].suspend_time == seen[3].suspend_time
    assert seen[-1].suspend_time is seen[-1].purge_time is None


def test_a_new_tenant_has_its_default_space(tenants, database):
    tenant = tenants.create_tenant("acme", "Acme Ltd")
    assert tenants.get_tenant("acme") == tenant
    assert [space.id for space in SpaceRepository(database, "acme").list().items] == ["default"]


def test_a_display_name_is_the_id_unless_given(tenants):
    assert tenants.create_tenant("acme").display_name == "acme"


def test_a_taken_id_is_refused(tenants):
    tenants.create_tenant("acme")
    with pytest.raises(AlreadyExistsError):
        tenants.create_tenant("acme", "another")


def test_the_same_request_again_gets_the_same_tenant(tenants):
    request = RequestKey("CreateTenant", "r1", "f1")
    assert tenants.create_tenant("acme", "", request) == tenants.create_tenant("acme", "", request)


def test_a_request_id_with_other_content_is_refused(tenants):
    tenants.create_tenant("acme", "", RequestKey("CreateTenant", "r1", "f1"))
    with pytest.raises(AlreadyExistsError) as caught:
        tenants.create_tenant("other", "", RequestKey("CreateTenant", "r1", "f2"))
    assert caught.value.reason == "REQUEST_ID_REUSED"


def test_ensuring_a_tenant_creates_it_once(tenants):
    assert tenants.ensure_tenant("acme") == tenants.ensure_tenant("acme")


@pytest.mark.parametrize("id", ["", "Acme", "a/b", "a" * 64, "a\x00"])
def test_a_bad_id_is_refused(tenants, id):
    with pytest.raises(InvalidArgumentError):
        tenants.create_tenant(id)


def test_tenants_are_listed_by_id_in_pages(tenants):
    for id in ("beta", "acme", "gamma"):
        tenants.create_tenant(id)
    first = tenants.list_tenants(ListRequest(page_size=2))
    second = tenants.list_tenants(ListRequest(page_size=2, page_token=first.next_page_token))
    assert [tenant.id for tenant in first.items + second.items] == ["acme", "beta", "gamma"]
    assert second.next_page_token == ""


def test_a_missing_tenant_is_not_found(tenants):
    with pytest.raises(NotFoundError):
        tenants.get_tenant("acme")
    with pytest.raises(NotFoundError):
        tenants.list_api_keys("acme")
    with pytest.raises(NotFoundError):
        tenants.create_api_key("acme", "key", [Scope.READ])


def test_a_key_is_found_by_its_id_and_its_secret_is_not_stored(tenants):
    tenants.create_tenant("acme")
    expiry = MOMENT + timedelta(days=3650)
    key, secret = tenants.create_api_key("acme", "ci", [Scope.READ, Scope.INFER], expiry)
    assert re.fullmatch(rf"fw_{key.id}_[0-9A-Za-z]{{43}}", secret)
    assert re.fullmatch(r"[0-9a-f]{16}", key.id)
    found = tenants.find_api_key(key.id)
    assert found == key
    assert found.secret_sha256 == hash_secret(secret)
    assert found.scopes == {Scope.READ, Scope.INFER}
    assert found.expire_time == expiry
    assert secret not in repr(found)


def test_a_key_without_scope_or_future_is_refused(tenants):
    tenants.create_tenant("acme")
    with pytest.raises(InvalidArgumentError, match="scope"):
        tenants.create_api_key("acme", "ci", [])
    with pytest.raises(InvalidArgumentError, match="future"):
        tenants.create_api_key("acme", "ci", [Scope.READ], MOMENT - timedelta(days=3650))


def test_a_deleted_key_is_gone(tenants):
    tenants.create_tenant("acme")
    key, _ = tenants.create_api_key("acme", "ci", [Scope.READ])
    tenants.delete_api_key("acme", key.id)
    assert tenants.find_api_key(key.id) is None
    with pytest.raises(NotFoundError):
        tenants.delete_api_key("acme", key.id)


def test_a_key_of_another_tenant_cannot_be_deleted(tenants):
    tenants.create_tenant("acme")
    tenants.create_tenant("other")
    key, _ = tenants.create_api_key("acme", "ci", [Scope.READ])
    with pytest.raises(NotFoundError):
        tenants.delete_api_key("other", key.id)
    assert tenants.find_api_key(key.id) == key


def test_keys_are_listed_newest_first_per_tenant(tenants):
    tenants.create_tenant("acme")
    tenants.create_tenant("other")
    keys = [tenants.create_api_key("acme", str(number), [Scope.READ])[0] for number in range(3)]
    tenants.create_api_key("other", "theirs", [Scope.READ])
    first = tenants.list_api_keys("acme", ListRequest(page_size=2))
    second = tenants.list_api_keys("acme", ListRequest(page_size=2, page_token=first.next_page_token))
    assert list(first.items + second.items) == keys[::-1]


@pytest.mark.parametrize("id", ["", "x" * 64, "\x00", "\ud800", "é"])
def test_an_id_that_no_key_can_have_finds_none(tenants, id):
    assert tenants.find_api_key(id) is None
