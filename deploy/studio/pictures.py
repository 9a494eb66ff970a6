"""Draw the pictures of the studio: its pages in a real browser, in front of a service that really tunes.

It needs Chromium and its driver on the PATH, such as Debian's chromium and chromium-driver, and takes a few minutes.

Usage: python deploy/studio/pictures.py [--output FOLDER]
"""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

import click
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import foreword
from foreword.cli.demo.service import LocalService
from foreword.samples import sample_path

_WIDTH, _HEIGHT = 1440, 900
_SECONDS = 120
_TUNED_SHARE = 35.0
"""Share of the run, in per cent, at which its live page is drawn."""


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(__file__).parents[1] / "pictures",
    help="Folder of the pictures.  [default: deploy/pictures]",
)
def main(*, output: Path) -> None:
    """Draw the main pages of the studio."""
    driver = shutil.which("chromedriver")
    if driver is None or shutil.which("chromium") is None:
        raise click.ClickException("Chromium or its driver is not on the PATH. On Debian: apt install chromium-driver")
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="foreword-studio-") as folder:
        port = _free_port()
        settings = {"FOREWORD_HTTP": "true", "FOREWORD_HTTP_PORT": str(port), "FOREWORD_METRICS": "false"}
        click.echo("Starting a service ...")
        with LocalService(Path(folder) / "home", environment=settings) as service, service.client() as client:
            browser = _browser(driver)
            try:
                _draw(Studio(browser, f"http://127.0.0.1:{port}", output), client)
            finally:
                browser.quit()


class Studio:
    """The studio in a browser.

    Args:
        browser: The browser.
        base: Address of the studio.
        output: Folder of the pictures.
    """

    def __init__(self, browser: webdriver.Chrome, base: str, output: Path) -> None:
        self.browser = browser
        self._base = base
        self._output = output
        browser.get(f"{base}/sign-in")
        browser.find_element(By.ID, "api_key").send_keys("dev", Keys.ENTER)
        self.wait("location.pathname.startsWith('/tenants/')")

    def draw(self, name: str, path: str, condition: str = "true") -> None:
        """Open a page, wait for a condition in JavaScript, and draw it."""
        self.browser.get(self._base + path)
        self.save(name, condition)

    def save(self, name: str, condition: str = "true") -> None:
        """Draw the open page, once a condition in JavaScript holds."""
        self.wait(condition)
        time.sleep(0.5)  # movements end after a quarter of a second
        target = self._output / f"studio-{name}.png"
        self.browser.save_screenshot(str(target))
        click.echo(f"Wrote {target}.")

    def wait(self, condition: str) -> None:
        """Wait until a condition in JavaScript holds."""
        WebDriverWait(self.browser, _SECONDS).until(lambda browser: browser.execute_script(f"return {condition}"))


def _draw(studio: Studio, client: foreword.Client) -> None:
    first = client.wait_for_experiment(
        client.tune(sample_path("complaints"), display_name="Complaints", num_epochs=6, refit=False)
    )
    deployment = client.create_deployment(first.tuned_model, serving_name="complaints")
    second = client.tune(
        client.get_dataset(first.dataset), display_name="Complaints, more epochs", num_epochs=12, refit=False
    )
    studio.draw("new", f"/tenants/dev/tuneExperiments/new?from={first.name.rsplit('/', 1)[1]}")
    for current in client.watch_tune_experiment(second):
        if current.progress.percent >= _TUNED_SHARE:
            break
    studio.draw("experiment", f"/{second.name}", "document.querySelector('svg.chart') !== null")
    studio.draw("home", "/tenants/dev/")
    studio.draw("dataset", f"/{first.dataset}")
    studio.draw("deployment", f"/{deployment.name}")
    client.cancel_tune_experiment(second)
    studio.browser.get(studio.browser.current_url.split("/tenants/")[0] + "/tenants/dev/lab?model=complaints")
    studio.browser.find_element(By.ID, "input").send_keys("Two screws are missing from the box.")
    studio.browser.find_element(By.ID, "input").send_keys(Keys.CONTROL, Keys.ENTER)
    studio.save("lab", "document.querySelectorAll('.answer').length >= 2")


def _browser(driver: str) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--hide-scrollbars",
    ):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    size = {"width": _WIDTH, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return browser


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(main())
