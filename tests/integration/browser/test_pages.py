"""Every page of the studio in a real browser: accessible, in both themes, and at every width."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from factories.api import create_experiment, deployed, make_file, tuned_model, upload
from factories.chromium import StudioBrowser
from factories.queued_runs import finish_queue
from factories.servers import RunningServer


@pytest.fixture(scope="module")
def paths(server: RunningServer) -> dict[str, str]:
    """The paths of all kinds of pages of a tenant that has something of everything."""
    stubs = server.stubs()
    dataset = upload(stubs).name
    model = tuned_model(server, stubs, display_name="Browsed")
    deployment = deployed(server, stubs, "browsed").name
    queued = create_experiment(stubs, dataset, display_name="Waits").name
    cancelled = create_experiment(stubs, dataset, display_name="Fails").name
    finish_queue(server)
    return {
        "home": "/tenants/dev/",
        "experiments": "/tenants/dev/tuneExperiments",
        "failed": f"/{cancelled}",
        "also failed": f"/{queued}",
        "model": f"/{model}",
        "deployments": "/tenants/dev/deployments",
        "deployment": f"/{deployment}",
        "datasets": "/tenants/dev/datasets",
        "dataset": f"/{dataset}",
        "new experiment": f"/tenants/dev/tuneExperiments/new?dataset={dataset.rsplit('/', 1)[1]}",
        "compare": f"/tenants/dev/compare?e={queued.rsplit('/', 1)[1]}&e={cancelled.rsplit('/', 1)[1]}",
        "lab": "/tenants/dev/lab?model=browsed",
        "settings": "/tenants/dev/settings",
        "keys": "/tenants/dev/apiKeys",
        "tenants": "/tenants/dev/settings/tenants",
        "tenant": "/tenants/dev/settings/tenants/dev",
        "sign in": "/sign-in",
        "nothing": "/tenants/dev/tuneExperiments?name=nothing",
    }


PAGES = (
    "home",
    "datasets",
    "dataset",
    "experiments",
    "failed",
    "new experiment",
    "compare",
    "model",
    "deployments",
    "deployment",
    "lab",
    "settings",
    "keys",
    "tenants",
    "tenant",
    "sign in",
    "nothing",
)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_accessible(browser: StudioBrowser, paths: dict[str, str], page: str, dark: bool) -> None:
    browser.emulate(dark=dark)
    browser.open(paths[page])

    assert browser.violations() == []
    browser.problems()


@pytest.mark.parametrize("width", [320, 768, 2560])
def test_pages_fit_any_width(browser: StudioBrowser, paths: dict[str, str], width: int) -> None:
    browser.emulate(width=width)
    wide = {}
    for page in PAGES:
        browser.open(paths[page])
        if browser.overflow() > 0:
            wide[page] = browser.overflow()

    assert not wide, "pixels beyond the window"
    browser.problems()


def test_a_missing_page_says_so(browser: StudioBrowser) -> None:
    browser.open("/tenants/dev/tuneExperiments/missing")

    assert "There is nothing here" in browser.text
    assert browser.violations() == []
    assert len(browser.problems()) == 1  # the status 404


def test_a_live_page_follows_its_run_and_goes_on_when_the_service_was_away(
    server: RunningServer, browser: StudioBrowser
) -> None:
    experiment = create_experiment(server.stubs(), upload(server.stubs()).name, display_name="Live").name
    try:
        browser.open(f"/{experiment}")
        browser.wait_for("queued")
        browser.click("Cancel the run")
        browser.wait_for("cancelled")
    finally:
        finish_queue(server)


def test_the_menu_of_tenants_works_by_keyboard(browser: StudioBrowser) -> None:
    browser.open("/tenants/dev/")
    summary = browser.find("details.tenant summary")
    summary.send_keys(Keys.ENTER)
    assert browser.find("details.tenant").get_attribute("open")
    summary.send_keys(Keys.ESCAPE)
    assert not browser.find("details.tenant").get_attribute("open")


def test_a_form_whose_session_has_ended_comes_back_as_it_was(browser: StudioBrowser, paths: dict[str, str]) -> None:
    browser.open(paths["model"])
    browser.find("#serving_name").send_keys("typed-before")
    browser.driver.delete_all_cookies()
    browser.find("#deploy button[type=submit]").click()
    browser.wait_for("what you have typed is kept")
    assert browser.violations() == []

    browser.find("#api_key").send_keys("dev", Keys.ENTER)

    browser.wait(lambda: browser.find("#serving_name").get_attribute("value") == "typed-before")
    assert "status of 401" in " ".join(browser.problems())


def test_a_file_that_was_chosen_stays_when_the_session_has_ended(browser: StudioBrowser, tmp_path: Path) -> None:
    rows = tmp_path / "kept.jsonl"
    rows.write_bytes(make_file(40))
    browser.open("/tenants/dev/datasets")
    browser.find("input[type=file]").send_keys(str(rows))
    browser.driver.delete_all_cookies()
    browser.find("#upload button[type=submit]").click()

    browser.wait_for("what you have typed or chosen stays")
    assert str(browser.find("input[type=file]").get_attribute("value")).endswith("kept.jsonl")
    assert browser.find("#upload button[type=submit]").is_enabled()


def test_keys_are_listed_work_outside_of_fields_and_can_be_off(browser: StudioBrowser) -> None:
    browser.open("/tenants/dev/tuneExperiments?name=x")
    browser.press("?")
    assert "the filter of a list" in browser.find("#hotkeys").text
    assert browser.violations() == []
    browser.press(Keys.ESCAPE)
    browser.press("/")
    browser.press("?g")
    assert browser.find("main input[type=search]").get_attribute("value") == "?g"
    assert not browser.find("#hotkeys").is_displayed()

    browser.find("#show-hotkeys").send_keys(Keys.ENTER)
    browser.find("#hotkeys-on").send_keys(Keys.SPACE)
    browser.press(Keys.ESCAPE)
    browser.press("?")
    assert not browser.find("#hotkeys").is_displayed()
    browser.driver.execute_script("localStorage.clear()")


def test_an_inaccessible_page_would_be_noticed(browser: StudioBrowser) -> None:
    browser.open("/sign-in")
    browser.driver.execute_script("document.querySelector('label[for=api_key]').remove()")

    assert any(item.startswith("label:") for item in browser.violations())
    browser.problems()


def test_a_key_is_revoked_and_a_tenant_suspended_only_when_it_is_said_twice(browser: StudioBrowser) -> None:
    browser.open("/tenants/dev/apiKeys")
    browser.find("#display_name").send_keys("Doomed")
    browser.click("Create key")
    browser.wait_for("This is the only time")

    browser.click("Revoke Doomed")
    assert browser.driver.current_url.endswith("/apiKeys")
    assert browser.violations() == []
    browser.click("Revoke it: Doomed")
    browser.wait(lambda: "Doomed" not in browser.text)

    browser.open("/tenants/dev/settings/tenants/dev")
    assert not browser.find("#reason").is_displayed()
    browser.click("Suspend the tenant")
    assert browser.find("#reason").is_displayed()
