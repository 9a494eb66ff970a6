"""What tests do in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from factories.waiting import PATIENCE_SECONDS

AXE = Path(__file__).parents[1] / "integration" / "browser" / "vendor" / "axe.min.js"
_MOST_TABS = 120
_SHOWS_FOCUS = """
    const shows = (element) => getComputedStyle(element).outlineStyle !== "none"
        && parseFloat(getComputedStyle(element).outlineWidth) >= 2;
    return [arguments[0], ...(arguments[0].labels ?? [])].some(shows);
"""
_STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class StudioBrowser:
    """A browser that has the studio open.

    Args:
        driver: The browser.
        base: Address of the studio, without a path.

    Attributes:
        driver: The browser.
    """

    def __init__(self, driver: webdriver.Chrome, base: str) -> None:
        self.driver = driver
        self._base = base

    def sign_in(self, key: str) -> None:
        """Sign in with an API key by the form."""
        self.open("/sign-in")
        self.find("#api_key").send_keys(key)
        self.click("Sign in")
        self.wait(lambda: "/tenants/" in self.driver.current_url)
        self.problems()  # Chromium misses a user name beside the key

    def open(self, path: str) -> None:
        """Open a page."""
        self.driver.get(self._base + path)

    def find(self, selector: str) -> WebElement:
        """Return the first element, once there is one."""
        return self.wait(lambda: self.driver.find_element(By.CSS_SELECTOR, selector))

    def click(self, name: str) -> None:
        """Click the link or the button with a name."""
        spot = f"//*[self::a or self::button or self::summary][normalize-space(.)={name!r}]"
        element = self.wait(lambda: self.driver.find_element(By.XPATH, spot))
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def press(self, *keys: str) -> None:
        """Press keys where the keyboard is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def press_with_control(self, key: str) -> None:
        """Press a key while Control is held."""
        ActionChains(self.driver).key_down(Keys.CONTROL).send_keys(key).key_up(Keys.CONTROL).perform()

    def focused(self) -> WebElement:
        """The element that has the keyboard."""
        return self.driver.switch_to.active_element

    def tab_to(self, name: str) -> WebElement:
        """Press Tab until the keyboard is at the element with an accessible name, which must be seen at every step."""
        passed = []
        for _ in range(_MOST_TABS):
            self.press(Keys.TAB)
            element = self.focused()
            if element.tag_name == "body":
                continue
            assert self.driver.execute_script(_SHOWS_FOCUS, element), f"no visible focus: {element.accessible_name}"
            if element.accessible_name == name:
                return element
            passed.append(element.accessible_name)
        raise AssertionError(f"{name!r} is not reached by Tab, only {passed}")

    @property
    def text(self) -> str:
        """What the page shows."""
        # By script, because a page may be replaced at any moment.
        return " ".join(str(self.driver.execute_script("return document.body.innerText")).split())

    def wait_for(self, text: str) -> None:
        """Wait until the page shows a text."""
        self.wait(lambda: text in self.text)

    def wait(self, condition: Any) -> Any:
        """Return the result of a condition, once it is true."""
        passing = (NoSuchElementException, StaleElementReferenceException)  # of parts that are being replaced
        waiting = WebDriverWait(self.driver, PATIENCE_SECONDS, poll_frequency=0.05, ignored_exceptions=passing)
        return waiting.until(lambda _: condition())

    def emulate(self, *, dark: bool = False, width: int = 1280, height: int = 1000) -> None:
        """Choose the theme of the system and the size of the window."""
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},  # colours on their way have no contrast
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def violations(self) -> list[str]:
        """Return what axe finds at the open page: rules, and the elements that break them."""
        self.driver.execute_script(AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {runOnly: arguments[0]}).then(result => done(result.violations))",
            _STANDARDS,
        )
        return [f"{item['id']}: {node['target']} {node['failureSummary']}" for item in found for node in item["nodes"]]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.driver.execute_script(script))

    def problems(self) -> list[str]:
        """Return the warnings and errors that pages have logged since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in {"WARNING", "SEVERE"}]
