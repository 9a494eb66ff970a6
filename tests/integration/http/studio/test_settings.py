"""The settings: the session, quotas and usage, and for administrators keys and tenants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from markupsafe import escape

from factories.http import RunningHttp
from factories.servers import RunningServer
from factories.studio import HOSTILE_TEXTS, Browser, text_of
from foreword.client import Client
from foreword.domain.tenant import Scope, TenantState


def test_it_shows_who_one_is_and_which_quotas_are_in_force(server: RunningServer, http: RunningHttp) -> None:
    key = server.new_key("studio-quota")
    with Client(server.endpoint, api_key="dev") as admin:
        admin.update_quota("tenants/studio-quota", {"deployments": 3, "stored_bytes": 250_000_000})
    with Browser(http, key) as browser:
        page = text_of(browser.page("/tenants/studio-quota/settings"))

    assert "tenants/studio-quota" in page
    assert "11 h 5" in page, "the time that the session has left"
    assert "deployments 0 3" in page
    assert "stored bytes 0 250,000,000" in page
    assert "No request has been answered in 30 days." in page
    assert "It is near none of its quotas." in page


@pytest.mark.parametrize("scope", [Scope.WRITE, Scope.INFER])
def test_a_key_that_may_not_read_sees_its_session_and_quotas(
    server: RunningServer, http: RunningHttp, scope: Scope
) -> None:
    with Browser(http, server.new_key("studio-narrow", [scope])) as browser:
        page = text_of(browser.page("/tenants/studio-narrow/settings"))

    assert f"key {scope.value}" in page
    assert "Your key cannot see the usage of the tenant" in page
    assert "It is near" not in page


KEYS = "/tenants/studio-keys/apiKeys"


@pytest.fixture(scope="module")
def admin_key(server: RunningServer) -> str:
    return server.new_key("studio-keys", [Scope.TENANT_ADMIN, Scope.READ, Scope.INFER])


@pytest.fixture
def admin(http: RunningHttp, admin_key: str) -> Iterator[Browser]:
    """A browser whose session has been joined by the key of an administrator of its tenant."""
    with Browser(http, admin_key) as browser:
        browser.submit("/tenants/studio-keys/settings/unlock", {"api_key": admin_key})
        yield browser


def test_keys_are_shown_only_with_the_key_of_an_administrator(
    server: RunningServer, http: RunningHttp, admin_key: str
) -> None:
    plain = server.new_key("studio-keys")
    with Browser(http, plain) as browser:
        assert "Enter an administrator" in text_of(browser.page(KEYS))
        for wrong, status in ((plain, 403), (server.new_key("studio-else", [Scope.TENANT_ADMIN]), 403), ("x", 401)):
            refused = browser.submit("/tenants/studio-keys/settings/unlock", {"api_key": wrong}, status)
            assert wrong == "x" or wrong not in refused
        assert "Enter an administrator" in text_of(browser.page(KEYS))

        assert "Revoke" in browser.submit("/tenants/studio-keys/settings/unlock", {"api_key": admin_key})
        browser.page("/tenants/studio-keys/settings/tenants", 403)
        browser.submit("/tenants/studio-keys/settings/lock")
        assert "Revoke" not in browser.page(KEYS)


def test_a_key_is_made_with_its_scopes_and_its_end_and_its_secret_is_shown_once(
    admin: Browser, server: RunningServer
) -> None:
    day = (datetime.now(UTC) + timedelta(days=9)).date()
    page = admin.submit(KEYS, {"display_name": "Made <b>", "scope": ["read", "infer"], "expires": f"{day}"})
    [secret] = re.findall(r"fw_\w+", page)
    with Client(server.endpoint, api_key=secret) as client:
        identity = client.who_am_i()

    assert identity.scopes == {Scope.READ, Scope.INFER}
    assert identity.expire_time == datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    assert escape("Made <b>") in page
    assert secret not in admin.page(KEYS)

    admin.submit(f"/{identity.api_key}/delete")
    assert identity.api_key.rsplit("/", 1)[1] not in admin.page(KEYS)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scope": "read", "expires": "2020-01-31"}, "must be in the future"),
        ({"scope": "read", "expires": "soon"}, "must be a day such as 2027-01-31"),
        ({"display_name": "none"}, "must not be empty"),
        ({"scope": "read", "display_name": "x" * 201}, "at most 200"),
        ({"scope": "write"}, "write"),
    ],
)
def test_a_key_that_is_refused_stays_in_the_form(admin: Browser, fields: dict[str, str], said: str) -> None:
    answer = admin.post(KEYS, data={"display_name": "Typed", **fields})

    assert 400 <= answer.status_code < 500
    assert said in text_of(answer.text)
    assert 'value="Typed"' in answer.text or fields.get("display_name", "Typed") != "Typed"


def test_keys_of_sessions_are_shown_on_request(admin: Browser) -> None:
    assert "studio" not in text_of(admin.page(KEYS)).partition("Keys of studio-keys")[2].partition("New key")[0].split()
    assert ", of " in text_of(admin.page(f"{KEYS}?sessions=1"))


TENANTS = "/tenants/dev/settings/tenants"


def test_a_tenant_is_created_suspended_deleted_and_brought_back(browser: Browser, server: RunningServer) -> None:
    page = browser.submit(TENANTS, {"tenant_id": "studio-made", "display_name": "Made <i>"})
    assert escape("Made <i>") in page
    one = f"{TENANTS}/studio-made"
    with Client(server.endpoint, api_key="dev") as client:
        for verb, fields, state in (
            ("suspend", {"reason": "Unpaid <b>"}, TenantState.SUSPENDED),
            ("resume", {}, TenantState.ACTIVE),
            ("delete", {"days": "30"}, TenantState.DELETING),
            ("undelete", {}, TenantState.ACTIVE),
        ):
            page = browser.submit(f"{one}/{verb}", fields)
            assert client.get_tenant("studio-made").state is state
            assert f"{state.value}</span></h1>" in page
    assert "Made" in text_of(browser.page(f"{TENANTS}?name=made"))


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("", {"tenant_id": "Not An Id", "display_name": "Typed"}, "tenant_id"),
        ("", {"tenant_id": "dev", "display_name": "Typed"}, "dev"),
        ("/dev/suspend", {"reason": "Typed"}, "OWN_TENANT"),
        ("/dev/delete", {"days": "many"}, "must be a whole number of days"),
    ],
)
def test_a_change_of_a_tenant_that_is_refused_is_explained(
    browser: Browser, path: str, fields: dict[str, str], said: str
) -> None:
    answer = browser.post(f"{TENANTS}{path}", data=fields)

    assert 400 <= answer.status_code < 500
    assert said in text_of(answer.text)
    assert "days" in fields or 'value="Typed"' in answer.text


def test_an_unknown_change_of_a_tenant_does_nothing(browser: Browser) -> None:
    browser.submit(f"{TENANTS}/dev/purge", {}, 404)


@pytest.mark.parametrize("text", HOSTILE_TEXTS[:3])
def test_a_typed_text_is_shown_as_it_is(browser: Browser, admin: Browser, text: str) -> None:
    for page in (
        admin.post(KEYS, data={"display_name": text, "expires": text}).text,
        browser.post(TENANTS, data={"tenant_id": text, "display_name": text}).text,
    ):
        assert text not in page
        assert f'value="{escape(text)}"' in page


def test_forms_of_administrators_outlive_their_session(browser: Browser) -> None:
    page = browser.sign_in_again("dev", TENANTS, {"tenant_id": "typed-id", "display_name": "Typed"})
    assert 'value="typed-id"' in page

    page = browser.sign_in_again("dev", "/tenants/dev/apiKeys", {"display_name": "Typed", "scope": "infer"})
    assert 'value="Typed"' in page
    assert 'value="infer" checked' in page
    assert 'value="read" checked' not in page
