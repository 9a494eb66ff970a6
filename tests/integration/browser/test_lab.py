"""The prompt lab by keyboard in a real browser: streams, stops, remembers, and loses nothing."""

from __future__ import annotations

import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from factories.chromium import StudioBrowser

LAB = "/tenants/dev/lab?model=baseModels/foreword--starter"


@pytest.fixture
def lab(browser: StudioBrowser) -> StudioBrowser:
    """The lab with one column, a prompt, and parameters that make its answer long."""
    browser.emulate()
    browser.open("/sign-in")
    browser.driver.execute_script("localStorage.clear()")
    browser.open(LAB)
    write(browser, "input", "Where are my <b>two</b> extra sheets?")
    browser.click("Decoding and stopping")
    write(browser, "max_new_tokens", "12")
    return browser


def write(browser: StudioBrowser, field: str, text: str) -> None:
    element = browser.find(f"#{field}")
    element.clear()
    element.send_keys(text)


def run(browser: StudioBrowser) -> None:
    browser.find("#input").send_keys(Keys.CONTROL, Keys.ENTER)


def ended(browser: StudioBrowser) -> None:
    browser.find("#turns .turn:first-child[data-settled]")


def said(browser: StudioBrowser) -> list[str]:
    found = browser.driver.find_elements(By.CSS_SELECTOR, ".turn .said")
    return [str(element.get_attribute("textContent")) for element in found]


def test_a_seed_repeats_an_answer_and_the_run_is_remembered_in_this_browser(lab: StudioBrowser) -> None:
    lab.find("#decoding_method").send_keys("sample")
    write(lab, "temperature", "2")
    lab.wait(lambda: "tokens" in lab.find("#tokens-input").text)
    run(lab)
    ended(lab)
    lab.click("reuse")
    assert lab.find("#random_seed").get_attribute("value").isdecimal()
    lab.find("#input").send_keys(" ")
    lab.find("#input").send_keys(Keys.BACKSPACE)
    run(lab)
    lab.wait(lambda: len(said(lab)) == 2)
    ended(lab)
    assert len(set(said(lab))) == 1
    assert lab.violations() == []

    lab.wait_for("2 runs. History stays in this browser.")
    lab.open(LAB)
    lab.wait_for("2 runs. History stays in this browser.")
    lab.click("Earlier runs")
    lab.find("#history-list button").click()
    lab.wait(lambda: lab.find("#input").get_attribute("value") == "Where are my <b>two</b> extra sheets?")
    assert "sheets" not in lab.driver.current_url
    lab.find("#keep-history").click()
    assert lab.driver.execute_script("return localStorage.getItem('foreword-lab:dev')") is None


def test_a_run_is_stopped_and_keeps_what_had_arrived(lab: StudioBrowser) -> None:
    write(lab, "max_new_tokens", "450")
    write(lab, "min_new_tokens", "450")
    run(lab)
    lab.wait(lambda: any(said(lab)))
    lab.find("#input").send_keys(Keys.ESCAPE)
    ended(lab)

    assert "stopped; this is what had arrived" in lab.text
    assert "waits for its first token" not in lab.text
    assert lab.find("#lab-status").get_attribute("textContent") == "0 answered, 1 stopped."
    assert any(said(lab))
    assert lab.find("#stop").get_attribute("disabled")


def test_a_refusal_stands_beside_its_field_and_loses_nothing(lab: StudioBrowser) -> None:
    write(lab, "temperature", "9")
    run(lab)
    lab.wait_for("Must be in (0, 2], not 9.")
    assert lab.find("#temperature").get_attribute("aria-invalid") == "true"
    assert len(lab.problems()) == 1  # the status 422

    write(lab, "temperature", "")
    lab.driver.delete_all_cookies()
    run(lab)
    lab.wait_for("Your session has ended.")
    assert lab.find("#input").get_attribute("value") == "Where are my <b>two</b> extra sheets?"
    assert lab.driver.current_url.endswith(LAB)


def test_a_better_answer_becomes_a_row(lab: StudioBrowser) -> None:
    lab.wait(lambda: "tokens" in lab.find("#tokens-input").text)  # which moves what is below it
    run(lab)
    ended(lab)
    lab.click("Keep as a row")
    output = lab.find(".keep textarea")
    output.clear()
    output.send_keys("Warehouse")
    lab.click("Keep")
    lab.wait_for("Rows to keep (1)")

    kept = lab.find("#kept").get_attribute("value")
    assert kept == '{"input":"Where are my <b>two</b> extra sheets?","output":"Warehouse"}\n'


def test_a_prompt_is_saved_changed_compared_asked_beside_and_loaded(lab: StudioBrowser) -> None:
    name = f"Saved {time.time_ns()}"
    write(lab, "instruction", "Name the department.")
    lab.click("Saved prompts")
    write(lab, "saved_name", name)
    write(lab, "saved_note", "short")
    lab.click("Save")
    lab.wait_for(f"Saved as version 1 of {name}.")
    lab.click("As code")
    lab.wait_for("get_saved_prompt(")
    write(lab, "instruction", "Name the department in one word.")
    lab.click("compare with the form")
    lab.wait_for(f"{name}: version 1 and the form")
    assert "Name the department in one word." in lab.find("#saved").text
    assert lab.violations() == []
    assert lab.overflow() == 0

    lab.click("ask beside")
    lab.wait_for("The last column gets version 1 with the input of the form.")
    lab.wait(lambda: "tokens" in lab.find("#count-1").text)
    run(lab)
    ended(lab)
    assert len(said(lab)) == 2

    lab.click("load")
    lab.wait_for(f"Loaded version 1 of {name}.")
    assert lab.find("#instruction").get_attribute("value") == "Name the department."
    assert lab.find("#input").get_attribute("value") == "Where are my <b>two</b> extra sheets?"
    lab.emulate(width=320)
    assert lab.overflow() == 0

    lab.open(LAB)
    lab.click("Saved prompts")
    lab.click("Load")
    lab.wait_for("Choose a saved prompt.")
    assert lab.find("#saved-choice").get_attribute("aria-invalid") == "true"
    assert len(lab.problems()) == 1  # the status 422
