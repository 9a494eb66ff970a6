"""The figures of `studio.py` that need a browser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from studio_contents import HOUR, Contents

from factories.chromium import StudioBrowser
from factories.stored import beat, make_snapshot

_VISIT = """
    const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return {
        bytes: all.reduce((sum, entry) => sum + entry.transferSize, 0),
        addresses: all.map((entry) => entry.name),
        painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    };
"""
_NOTE_POINTS = """
    window.points = {};
    document.addEventListener("htmx:sse:after:message", (event) => {
        window.points[event.detail.message.id] ??= performance.timeOrigin + performance.now();
    });
"""


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Start the browser."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def first_visits(browser: StudioBrowser, path: str, *, slower: int, visits: int = 7) -> dict[str, float]:
    """Return what the first visit of a page costs, as medians.

    Args:
        slower: How many times slower the processor of the browser is made.
    """
    driver, found = browser.driver, []
    driver.execute_cdp_cmd("Performance.enable", {})
    driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": slower})
    for _ in range(visits):
        driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        driver.get("about:blank")
        before = _processor_seconds(driver)
        browser.open(path)
        browser.wait(lambda: driver.execute_script(_VISIT)["painted"] is not None)
        visit = driver.execute_script(_VISIT)
        own = urlsplit(driver.current_url).netloc
        foreign = sum(urlsplit(address).netloc not in {own, ""} for address in visit["addresses"])
        cpu = _processor_seconds(driver) - before
        found.append((visit["bytes"], foreign, len(visit["addresses"]), visit["painted"], 1000 * cpu))
    driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 1})
    names = ("bytes", "foreign_requests", "requests", "first_contentful_paint_ms", "cpu_of_page_ms")
    return {name: round(median(values), 1) for name, values in zip(names, zip(*found, strict=True), strict=True)}


def _processor_seconds(driver: webdriver.Chrome) -> float:
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(float(item["value"]) for item in metrics if item["name"] == "TaskDuration")


def snapshots_on_screen(browser: StudioBrowser, contents: Contents, count: int = 60) -> dict[str, float]:
    """Return the time from the commit of a point until the page of its run has drawn it."""
    run = contents.queued("On screen")
    lease = contents.lease(run)
    browser.open(f"/{run}")
    browser.driver.execute_script(_NOTE_POINTS)
    time.sleep(2)
    committed = {}
    for step in range(1, count + 1):
        beat(contents.queue, lease, duration=HOUR, snapshots=[make_snapshot(step)])
        committed[str(step)] = 1000 * time.time()
        time.sleep(0.7 + 0.007 * step)  # at no regular distance to the times at which anybody looks
    time.sleep(2)
    drawn: Mapping[str, float] = browser.driver.execute_script("return window.points")
    late = sorted(drawn[step] - moment for step, moment in committed.items() if step in drawn)
    return {
        "points": count,
        "drawn": len(late),
        "median_ms": round(median(late)),
        "p95_ms": round(late[int(0.95 * len(late))]),
    }


def tabs(browser: StudioBrowser, path: str, count: int = 12) -> dict[str, Any]:
    """Open live pages in tabs, and return how many of them were loaded and how long the slowest took."""
    driver, seconds = browser.driver, []
    first = driver.current_window_handle
    for _ in range(count):
        driver.switch_to.new_window("tab")
        began = time.perf_counter()
        browser.open(path)
        seconds.append(time.perf_counter() - began)
    whole = 0
    for handle in driver.window_handles[1:]:
        driver.switch_to.window(handle)
        whole += "The service is away" not in browser.text and bool(browser.find("#experiment"))
        driver.close()
    driver.switch_to.window(first)
    return {"tabs": count, "whole": whole, "slowest_load_s": round(max(seconds), 2)}


def accessibility(browser: StudioBrowser, paths: Mapping[str, str]) -> dict[str, Any]:
    """Return what axe finds by WCAG 2.2 AA in each page, light and dark."""
    found = {}
    for dark in (False, True):
        browser.emulate(dark=dark)
        for name, path in paths.items():
            browser.open(path)
            found[f"{name}, {'dark' if dark else 'light'}"] = browser.violations()
    browser.emulate()
    return {"pages": len(found), "violations": {name: items for name, items in found.items() if items}}
