"""The whole way by mouse: upload, tune, deploy, and ask the model."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from factories.api import make_file, wait_for_deployment
from factories.chromium import StudioBrowser
from factories.servers import RunningServer


def test_from_a_file_to_an_answer(server: RunningServer, browser: StudioBrowser, tmp_path: Path) -> None:
    rows = tmp_path / "walk.jsonl"
    rows.write_bytes(make_file(40))

    browser.open("/tenants/dev/")
    browser.click("Upload data")
    browser.find("input[type=file]").send_keys(str(rows))
    browser.find("#upload button[type=submit]").click()
    browser.wait_for("Tune with this")
    browser.click("Tune with this")
    browser.wait_for("The plan")
    name = browser.find("#display_name")
    name.clear()
    name.send_keys("Walked")
    browser.wait(lambda: "updates" in browser.text)
    browser.click("Create and queue")
    browser.wait_for("The run waits for a worker.")

    experiment = "/".join(browser.driver.current_url.split("/")[-4:])
    server.tune_by_hand(experiment)
    browser.wait_for("succeeded")  # without a reload

    browser.click("Deploy")
    browser.find("#serving_name").send_keys("walked")
    browser.find("#deploy button[type=submit]").click()
    wait_for_deployment(server.stubs(), "tenants/dev/spaces/default/deployments/walked")
    browser.wait_for("Revision 1 answers.")

    browser.click("Try in the lab")
    browser.find("#input").send_keys("Two screws are missing from the box.")
    browser.find("#input").send_keys(Keys.CONTROL, Keys.ENTER)
    browser.wait(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".answer")) >= 2)
    browser.wait(lambda: " of 512 tokens" in browser.text)
    browser.wait(lambda: browser.find("#run").is_enabled())
    assert browser.violations() == []
