"""Signing in and out of the studio, and who can use a session."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from markupsafe import escape

from factories.http import RunningHttp
from factories.servers import RunningServer
from factories.studio import Browser, hidden_fields, text_of
from foreword.client import Client
from foreword.domain.tenant import Scope
from foreword.http.studio.sign_in_links import LINK_SECONDS, SignInLinks


@pytest.fixture
def keys(server: RunningServer) -> Client:
    return Client(server.endpoint, api_key="dev")


def test_a_session_has_a_key_of_its_own_that_is_revoked_when_it_ends(server: RunningServer, http: RunningHttp) -> None:
    key = server.new_key("studio-a")
    with Browser(http, key) as browser, Client(server.endpoint, api_key="dev") as admin:
        [child] = [item for item in admin.list_api_keys("tenants/studio-a") if item.parent_key]
        cookie = browser.cookies["foreword-studio-a"]
        browser.page("/tenants/studio-a/")
        assert cookie != key
        assert child.expire_time is not None

        browser.submit("/tenants/studio-a/sign-out")

        assert not [item for item in admin.list_api_keys("tenants/studio-a") if item.parent_key]
        assert "Sign in" in browser.page("/tenants/studio-a/")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(server: RunningServer, http: RunningHttp) -> None:
    with Browser(http) as browser:
        answer = browser.post("/sign-in", data={"api_key": "dev"}, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, "/tenants/dev/")
    assert "HttpOnly; Max-Age=43200; Path=/; SameSite=lax" in answer.headers["set-cookie"]


def test_a_page_without_a_session_leads_through_signing_in_and_back(http: RunningHttp) -> None:
    with Browser(http) as browser:
        asked = browser.get("/tenants/dev/tuneExperiments")
        assert "This page belongs to the tenant dev" in text_of(asked.text)
        assert 'name="next" value="/tenants/dev/tuneExperiments"' in asked.text

        back = browser.post("/sign-in", data={"api_key": "dev", "next": "/tenants/dev/tuneExperiments"})

        assert back.url.path == "/tenants/dev/tuneExperiments"


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "/tenants/other/", "/v1/models", "x\r\nset-cookie: a=b"]
)
def test_signing_in_leads_only_to_a_page_of_the_tenant(http: RunningHttp, target: str) -> None:
    with Browser(http) as browser:
        answer = browser.post("/sign-in", data={"api_key": "dev", "next": target}, follow_redirects=False)

    assert answer.headers["location"] == "/tenants/dev/"


@pytest.mark.parametrize("key", ["", "no-such-key", "fw_" + "a" * 300, "\u00e9\u0000", "<script>alert(1)</script>"])
def test_a_wrong_key_is_refused_with_its_reason_and_without_showing_it(http: RunningHttp, key: str) -> None:
    with Browser(http) as browser:
        answer = browser.post("/sign-in", data={"api_key": key})

    assert answer.status_code == 401
    assert "reason API_KEY_" in text_of(answer.text)
    assert not key or len(key) < 3 or key not in answer.text


def test_a_revoked_key_ends_its_sessions(server: RunningServer, http: RunningHttp) -> None:
    key = server.new_key("studio-b")
    with Browser(http, key) as browser, Client(server.endpoint, api_key="dev") as admin:
        [parent] = [item for item in admin.list_api_keys("tenants/studio-b") if not item.parent_key]
        admin.delete_api_key(parent.name)
        server.pass_time(2)

        assert "Your session in studio-b has ended" in text_of(browser.page("/tenants/studio-b/"))


def test_a_session_of_one_tenant_opens_no_page_of_another(server: RunningServer, http: RunningHttp) -> None:
    with Browser(http, server.new_key("studio-c")) as browser:
        browser.cookies.set("foreword-dev", browser.cookies["foreword-studio-c"], domain="127.0.0.1", path="/")

        assert "This page belongs to the tenant dev" in text_of(browser.page("/tenants/dev/"))


def test_tenants_are_used_side_by_side(server: RunningServer, http: RunningHttp) -> None:
    with Browser(http, server.new_key("studio-d"), "dev") as browser:
        for tenant in ("dev", "studio-d"):
            page = browser.page(f"/tenants/{tenant}/")
            assert '<a href="/tenants/dev/"' in page
            assert '<a href="/tenants/studio-d/"' in page


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "", "origin": "http://evil.example"},
        {"sec-fetch-site": "", "origin": "null"},
    ],
)
def test_forms_of_other_sites_are_refused(http: RunningHttp, headers: dict[str, str]) -> None:
    with Browser(http, "dev") as browser:
        for path in ("/sign-in", "/tenants/dev/sign-out", "/tenants/dev/tuneExperiments/x/cancel"):
            answer = browser.post(path, data={"api_key": "dev"}, headers=headers)
            assert (answer.status_code, "CROSS_SITE_REQUEST" in answer.text) == (403, True), path


def test_a_browser_that_names_only_its_origin_is_served(http: RunningHttp) -> None:
    with Browser(http) as browser:
        del browser.headers["sec-fetch-site"]
        origin = {"origin": f"http://127.0.0.1:{http.port}"}

        assert browser.post("/sign-in", data={"api_key": "dev"}, headers=origin).status_code == 200


def test_a_forged_host_is_refused(http: RunningHttp) -> None:
    with Browser(http, "dev") as browser:
        answer = browser.get("/tenants/dev/", headers={"host": "evil.example"})

    assert (answer.status_code, "HOST_NOT_ALLOWED" in answer.text) == (421, True)


def test_every_page_forbids_what_is_not_its_own(http: RunningHttp) -> None:
    with Browser(http, "dev") as browser:
        for path in ("/sign-in", "/tenants/dev/", "/tenants/dev/nothing"):
            headers = browser.get(path).headers
            assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';"), path
            assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
def test_pages_are_compressed_for_browsers_that_take_it(browser: Browser, accepted: str, encoding: str | None) -> None:
    answer = browser.get("/tenants/dev/lab", headers={"accept-encoding": accepted})

    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.text.rstrip().endswith("</html>")


def test_a_key_that_may_only_ask_models_leads_to_the_lab(server: RunningServer, http: RunningHttp) -> None:
    with Browser(http) as browser:
        landed = browser.post("/sign-in", data={"api_key": server.new_key("studio-g", [Scope.INFER])})

    assert (landed.status_code, landed.url.path) == (200, "/tenants/studio-g/lab")


def test_a_key_that_may_only_read_is_not_offered_to_change_anything(server: RunningServer, http: RunningHttp) -> None:
    with Browser(http, server.new_key("studio-e", [Scope.READ])) as browser:
        for path in ("/tenants/studio-e/", "/tenants/studio-e/tuneExperiments"):
            assert "New experiment" not in browser.page(path)


def test_signing_in_again_ends_the_former_session_of_the_browser(server: RunningServer, http: RunningHttp) -> None:
    key = server.new_key("studio-again")
    with Browser(http, key) as browser, Client(server.endpoint, api_key="dev") as admin:
        former = browser.cookies["foreword-studio-again"]
        browser.submit("/sign-in", {"api_key": key})

        assert len([item for item in admin.list_api_keys("tenants/studio-again") if item.parent_key]) == 1
        assert browser.cookies["foreword-studio-again"] != former
        assert "studio-again" in text_of(browser.page("/tenants/studio-again/"))


def test_the_name_of_a_tenant_leads_to_its_first_page(browser: Browser) -> None:
    assert browser.get("/tenants/dev").url.path == "/tenants/dev/"
    assert browser.get("/tenants/%2F%2Fevil.example", follow_redirects=False).status_code == 404


def test_a_key_is_offered_only_the_pages_that_it_can_open(server: RunningServer, http: RunningHttp) -> None:
    with Browser(http, server.new_key("studio-infer", [Scope.INFER])) as browser:
        page = browser.page("/tenants/studio-infer/lab")

    assert 'href="/tenants/studio-infer/lab"' in page
    assert 'href="/tenants/studio-infer/datasets"' not in page
    assert 'href="/tenants/studio-infer/settings"' in page


PROMPT = "Wörds & <b>more</b>,\n\n  of two lines = 100 %"


@pytest.mark.parametrize(
    "fields", [{"do": "run", "instruction": PROMPT, "input": "a\nb"}, {"do": "upload", "kept": PROMPT}]
)
def test_a_form_that_is_sent_after_the_end_of_its_session_is_shown_again_as_it_was(
    browser: Browser, fields: dict[str, str]
) -> None:
    shown = browser.sign_in_again("dev", "/tenants/dev/lab", fields)

    assert f">\n{escape(PROMPT)}</textarea>" in shown


def test_a_wrong_key_loses_nothing_of_a_form_whose_session_has_ended(http: RunningHttp) -> None:
    with Browser(http) as browser:
        asked = browser.submit("/tenants/dev/lab", {"do": "run", "instruction": PROMPT}, 401)
        wrong = browser.submit("/sign-in", {**hidden_fields(asked), "api_key": "wrong"}, 401)

    assert "reason API_KEY_INVALID" in text_of(wrong)
    assert hidden_fields(wrong) == hidden_fields(asked)


def test_what_was_typed_is_not_shown_to_another_tenant(server: RunningServer, http: RunningHttp) -> None:
    key = server.new_key("studio-other")
    with Browser(http) as browser:
        asked = browser.submit("/tenants/dev/lab", {"do": "run", "instruction": PROMPT}, 401)
        refused = browser.submit("/sign-in", {**hidden_fields(asked), "api_key": key}, 403)

        assert "Your session in dev has ended" in text_of(refused)
        assert "This key belongs to the tenant studio-other" in text_of(refused)
        assert hidden_fields(refused)["kept.instruction"] == PROMPT
        assert not browser.cookies


@pytest.mark.parametrize(
    "action",
    ["//evil.example/", "https://evil.example/", "/v1/models", '/tenants/dev/x"onload="', "/tenants/dev/lab?x"],
)
def test_a_kept_form_goes_only_to_a_page_of_its_tenant(http: RunningHttp, action: str) -> None:
    with Browser(http) as browser:
        answer = browser.post("/sign-in", data={"api_key": "dev", "kept_action": action}, follow_redirects=False)

    assert answer.headers["location"] == "/tenants/dev/"


def test_a_button_that_is_pressed_after_the_end_of_its_session_leads_back_to_its_page(http: RunningHttp) -> None:
    with Browser(http) as browser:
        asked = browser.submit("/tenants/dev/tuneExperiments/x/cancel")

    assert hidden_fields(asked)["next"] == "/tenants/dev/tuneExperiments/x"


def test_signing_in_leads_back_to_the_filters_of_a_list(http: RunningHttp) -> None:
    with Browser(http) as browser:
        asked = browser.page("/tenants/dev/tuneExperiments?state=failed&name=a%20b")
        back = browser.post("/sign-in", data={**hidden_fields(asked), "api_key": "dev"})

    assert str(back.url).endswith("/tenants/dev/tuneExperiments?state=failed&name=a%20b")


def test_a_form_whose_browser_does_not_say_where_it_comes_from_shows_what_was_sent(http: RunningHttp) -> None:
    with Browser(http, "dev") as browser:
        del browser.headers["sec-fetch-site"]
        answer = browser.post("/tenants/dev/lab", data={"do": "run", "instruction": PROMPT}, headers={"origin": "null"})

    assert answer.status_code == 403
    assert escape(PROMPT) in answer.text
    assert "?again" not in answer.text, "another site could fill a form here"


def test_what_another_site_has_sent_is_not_shown(http: RunningHttp) -> None:
    with Browser(http, "dev") as browser:
        answer = browser.post(
            "/tenants/dev/lab", data={"do": "run", "instruction": PROMPT}, headers={"sec-fetch-site": "cross-site"}
        )

    assert (answer.status_code, "CROSS_SITE_REQUEST" in answer.text) == (403, True)
    assert "of two lines" not in answer.text


@pytest.fixture
def links(server: RunningServer) -> SignInLinks:
    """The links of the server, as `foreword serve` makes them."""
    return SignInLinks.beside(server.private_endpoint)


def test_a_link_signs_one_browser_in_once(http: RunningHttp, server: RunningServer, links: SignInLinks) -> None:
    secret = links.make(server.new_key("studio-link"))
    with Browser(http) as browser:
        for _ in range(2):  # opening it uses nothing
            asked = browser.page(f"/sign-in?link={secret}")
        landed = browser.post("/sign-in", data=hidden_fields(asked))
        assert landed.url.path == "/tenants/studio-link/"
        assert browser.cookies["foreword-studio-link"].startswith("fw_")
    with Browser(http) as another:
        again = another.submit("/sign-in", {"link": secret}, 403)

    assert "This link was used already: it signs one browser in, once. Sign in with an API key." in text_of(again)
    assert "reason LINK_USED" in text_of(again)


def test_an_expired_link_says_what_to_do(http: RunningHttp, server: RunningServer, links: SignInLinks) -> None:
    secret = links.make("dev")
    folder = Path(server.private_endpoint.removeprefix("unix:")).parent
    for file in folder.glob("link-*"):
        os.utime(file, (time.time() - LINK_SECONDS - 1,) * 2)
    with Browser(http) as browser:
        expired = text_of(browser.submit("/sign-in", {"link": secret}, 403))

    assert "This link has expired: it was valid for 60 minutes." in expired
    assert "prints a new link each time it starts" in expired


@pytest.mark.parametrize("secret", ["x" * 43, "../../etc/passwd", "<b>", "\u00e9" * 43, "a" * 5000])
def test_an_unknown_link_signs_nobody_in(http: RunningHttp, secret: str) -> None:
    with Browser(http) as browser:
        assert "reason LINK_UNKNOWN" in text_of(browser.submit("/sign-in", {"link": secret}, 403))
        assert not browser.cookies


def test_a_link_whose_key_was_revoked_signs_nobody_in(http: RunningHttp, links: SignInLinks) -> None:
    secret = links.make("fw_gone_gone")
    with Browser(http) as browser:
        assert "reason API_KEY_INVALID" in text_of(browser.submit("/sign-in", {"link": secret}, 401))
