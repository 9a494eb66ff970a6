"""The whole way by mouse: upload, tune, deploy, and ask the model."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from factories.api import make_file, wait_for_deployment
from factories.chromium import StudioBrowser
from factories.servers import RunningServer
from factories.stored import make_snapshot


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


def test_from_a_file_to_an_answer_by_keyboard_alone(
    server: RunningServer, browser: StudioBrowser, tmp_path: Path
) -> None:
    rows = tmp_path / "keys.jsonl"
    rows.write_bytes(make_file(40))

    browser.open("/tenants/dev/")
    browser.press("g", "d")
    browser.wait(lambda: browser.driver.current_url.endswith("/datasets"))
    browser.tab_to("File").send_keys(str(rows))  # the dialog of the system is no part of the page
    browser.tab_to("Check and store")
    browser.press(Keys.ENTER)
    browser.wait_for("Tune with this")
    browser.tab_to("Tune with this")
    browser.press(Keys.ENTER)
    browser.wait(lambda: "updates" in browser.text)
    browser.tab_to("Base model")
    browser.tab_to("Name")
    browser.press_with_control("a")
    browser.press("Keyed")
    browser.tab_to("Create and queue")
    browser.press(Keys.ENTER)
    browser.wait_for("The run waits for a worker.")

    browser.tab_to("Cancel the run")
    experiment = "/".join(browser.driver.current_url.split("/")[-4:])
    server.tune_by_hand(experiment, curve=[make_snapshot(step, 1 / step) for step in range(1, 41)])
    browser.wait_for("succeeded")
    assert browser.focused().get_attribute("id") == "main", "the button is gone, and the keyboard is at the page"
    curve = browser.tab_to(browser.find("svg.chart").get_attribute("aria-label") or "")
    browser.press(Keys.HOME)
    first = browser.find("#reading").get_attribute("textContent")
    browser.press(Keys.ARROW_RIGHT)
    second = browser.find("#reading").get_attribute("textContent")
    assert (first, second) == ("Epoch 0.3: training 0.457", "Epoch 0.8: training 0.129")
    assert " ".join(browser.find(".readout").text.split()) == second.replace(":", "").replace(",", "")
    assert curve.find_elements(By.CSS_SELECTOR, "line.cross")
    assert browser.violations() == []

    browser.driver.execute_script("document.getElementById('main').focus()")
    browser.tab_to("Deploy")
    browser.press(Keys.ENTER)
    browser.wait(lambda: "/tunedModels/" in browser.driver.current_url)
    browser.tab_to("Serving name")
    browser.press("keyed", Keys.ENTER)
    browser.wait(lambda: browser.driver.current_url.endswith("/deployments/keyed"))
    wait_for_deployment(server.stubs(), "tenants/dev/spaces/default/deployments/keyed")
    browser.wait_for("Revision 1 answers.")

    browser.tab_to("Try in the lab")
    browser.press(Keys.ENTER)
    browser.find("#lab")
    browser.tab_to("Instruction")
    browser.press("Name the department.")
    browser.tab_to("Input")
    browser.press("Two screws are missing?")
    browser.press_with_control(Keys.ENTER)
    browser.wait(lambda: " of 512 tokens" in browser.text)
    browser.find("#turns .turn:first-child[data-settled]")
    assert browser.focused().get_attribute("id") == "input", "the keyboard stays where it was"
