"""A real browser in front of the studio."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from factories.chromium import StudioBrowser
from factories.http import RunningHttp, running_http
from factories.servers import RunningServer

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and skip them without a browser."""
    for item in items:
        if "/tests/integration/browser/" in str(item.path):
            item.add_marker("browser")
            item.add_marker(pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """One process of the browser, which can reach this machine only."""
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--window-size=1280,1000",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def http(server: RunningServer) -> Iterator[RunningHttp]:
    with running_http(server) as running:
        yield running


@pytest.fixture
def browser(chromium: webdriver.Chrome, http: RunningHttp) -> Iterator[StudioBrowser]:
    """The browser, signed in to the tenant dev; whatever a page has logged is an error."""
    found = StudioBrowser(chromium, f"http://127.0.0.1:{http.port}")
    chromium.delete_all_cookies()
    found.emulate()
    found.sign_in("dev")
    yield found
    assert found.problems() == []
