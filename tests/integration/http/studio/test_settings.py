"""The page of the session, quotas and usage."""

from __future__ import annotations

from factories.http import RunningHttp
from factories.servers import RunningServer
from factories.studio import Browser, text_of
from foreword.client import Client


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
