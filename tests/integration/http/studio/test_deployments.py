"""The pages of tuned models and deployments."""

from __future__ import annotations

import re
from html import unescape

import pytest

from factories.api import deployed, deployment_request, tuned_model, wait_for_deployment
from factories.http import RunningHttp
from factories.servers import RunningServer
from factories.studio import Browser, hidden_fields, text_of
from foreword.client import Client
from foreword.domain.tenant import Scope
from foreword.http.studio import paging


@pytest.fixture(scope="module")
def model(server: RunningServer) -> str:
    return tuned_model(server, server.stubs(), display_name="Studio model")


@pytest.fixture(scope="module")
def deployment(server: RunningServer) -> str:
    name: str = deployed(server, server.stubs(), "studio-served", display_name="Served").name
    return name


def test_a_model_is_deployed_by_a_form(server: RunningServer, browser: Browser, model: str) -> None:
    assert "Nowhere yet." in text_of(browser.page(f"/{model}"))

    page = browser.submit(f"/{model}/deploy", {"serving_name": "studio-new", "space": "default"})

    assert "studio-new" in text_of(page)
    name = "tenants/dev/spaces/default/deployments/studio-new"
    wait_for_deployment(server.stubs(), name)
    assert "Revision 1 answers." in text_of(browser.page(f"/{name}"))
    assert "studio-new" in text_of(browser.page("/tenants/dev/deployments"))
    assert "studio-new" in text_of(browser.page(f"/{model}"))
    browser.submit(f"/{name}/delete")
    browser.page(f"/{name}", 404)


@pytest.mark.parametrize("serving_name", ["not a name", "<b>bold</b>", "x" * 200])
def test_a_refused_name_stays_in_the_form_with_its_fault(browser: Browser, model: str, serving_name: str) -> None:
    page = browser.submit(f"/{model}/deploy", {"serving_name": serving_name, "space": "default"}, 400)

    assert "deployment.serving_name" in text_of(page)
    assert "<b>bold" not in page
    if serving_name == "not a name":
        assert 'value="not a name"' in page


def test_a_taken_name_is_refused(browser: Browser, model: str, deployment: str) -> None:
    page = browser.submit(f"/{model}/deploy", {"serving_name": "studio-served"}, 409)

    assert "studio-served" in text_of(page)


def test_another_model_is_served_as_a_canary_and_rolled_back(
    server: RunningServer, browser: Browser, model: str, deployment: str
) -> None:
    browser.submit(f"/{deployment}/update", {"model": model, "rollout": "canary", "share": "25"})
    wait_for_deployment(server.stubs(), deployment)
    page = browser.page(f"/{deployment}")
    assert "revision 2 is a canary for 25 % of the requests" in text_of(page)
    assert "Promote revision 2" in page

    assert "Revision 1 answers." in text_of(browser.submit(f"/{deployment}/rollback"))
    assert "Revision 2 answers." in text_of(browser.submit(f"/{deployment}/rollback", {"revision": "2"}))


def test_rolling_back_twice_by_one_page_goes_back_once(server: RunningServer, browser: Browser, model: str) -> None:
    name: str = deployed(server, server.stubs(), "studio-twice", display_name="Twice").name
    for another in (model, tuned_model(server, server.stubs(), display_name="Third")):
        browser.submit(f"/{name}/update", {"model": another})
        wait_for_deployment(server.stubs(), name)
    page = browser.page(f"/{name}")
    [seen] = re.findall(r'name="seen" value="([^"]*)"', page)
    assert "Revision 3 answers." in text_of(page)

    for _ in range(2):
        assert "Revision 2 answers." in text_of(browser.submit(f"/{name}/rollback", {"seen": seen}))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rollout": "canary", "share": "many"}, "share: must be a number"),
        ({"rollout": "canary", "share": "200"}, "share"),
        ({"etag": "outdated"}, "etag"),
    ],
)
def test_a_refused_change_is_explained(
    browser: Browser, model: str, deployment: str, fields: dict[str, str], said: str
) -> None:
    answer = browser.post(f"/{deployment}/update", data={"model": model, **fields})

    assert 400 <= answer.status_code < 500
    assert said in text_of(answer.text)
    assert "Serve another model" in text_of(answer.text)


def test_a_key_that_may_not_write_is_offered_no_changes(
    server: RunningServer, http: RunningHttp, deployment: str
) -> None:
    with Browser(http, server.new_key("dev", [Scope.READ])) as browser:
        page = browser.page(f"/{deployment}")

    assert "Call it" in page
    assert "Serve another model" not in page
    assert "<form" not in page.split("<main", 1)[1].split("</main>")[0]


def test_another_tenant_sees_no_deployment(server: RunningServer, http: RunningHttp, deployment: str) -> None:
    with Browser(http, server.new_key("studio-f")) as browser:
        browser.page("/" + deployment.replace("tenants/dev", "tenants/studio-f"), 404)


def test_a_form_keeps_a_base_model_that_serves(server: RunningServer, browser: Browser, model: str) -> None:
    base = "baseModels/foreword--starter"
    with Client(server.endpoint, api_key="dev") as client:
        name = client.create_deployment(base, serving_name="studio-base").name

    page = browser.page(f"/{name}")

    assert f'<option value="{base}" selected>' in page


def test_forms_whose_session_has_ended_are_shown_again(browser: Browser, model: str, deployment: str) -> None:
    deploy = browser.sign_in_again("dev", f"/{model}/deploy", {"serving_name": "kept-name", "space": "default"})
    update = browser.sign_in_again("dev", f"/{deployment}/update", {"model": model, "rollout": "canary", "share": "37"})

    assert 'value="kept-name"' in deploy
    assert f'<option value="{model}" selected>' in update
    assert '<option value="canary" selected>' in update
    assert 'value="37"' in update
    browser.page("/tenants/dev/spaces/default/deployments/kept-name", 404)


def test_an_outdated_form_keeps_its_text_and_can_be_sent_again(browser: Browser, model: str, deployment: str) -> None:
    fields = {"model": model, "rollout": "shadow", "share": "41", "etag": "outdated"}
    page = browser.submit(f"/{deployment}/update", fields, 409)

    assert 'value="41"' in page
    assert hidden_fields(page)["etag"] not in ("", "outdated")


def test_more_deployments_than_a_page_holds_are_reached_by_its_links(
    server: RunningServer, http: RunningHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    key = server.new_key("studio-many")
    stubs = server.stubs(key)
    model = tuned_model(server, stubs)
    for name in ("page-a", "page-b", "page-c"):
        stubs.deployments.CreateDeployment(deployment_request(model, serving_name=name))
    path, seen = "/tenants/studio-many/deployments?name=page", []
    with Browser(http, key) as browser:
        while path:
            page = browser.page(path)
            seen += re.findall(r">(page-[abc])</a>", page)
            following = re.search(r'href="([^"]*)" rel="next"', page)
            path = f"/tenants/studio-many/deployments{unescape(following[1])}" if following else ""
        assert "No serving name matches" in text_of(browser.page("/tenants/studio-many/deployments?name=other"))

    assert seen == ["page-c", "page-b", "page-a"]
