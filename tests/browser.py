"""A real browser without a screen, for tests of pages."""

import contextlib
import shutil

import pytest

from tests.services import missing


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium, driven by selenium; what a page writes to its console is kept."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        missing("chromium and chromedriver are missing: .ci/run installs them")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("browser")
    for argument in (
        "--headless=new",
        "--no-sandbox",  # root may have none
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options, Service(driver))
    yield made
    made.quit()


@contextlib.contextmanager
def a_phone(browser, width=360, height=740):
    """A screen of this size, which is less than a window of the browser may have."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def fits(browser):
    """Whether nothing of the page lies beside the screen."""
    return browser.execute_script(
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def text(browser, selector):
    """What a reader sees there."""
    return browser.find_element("css selector", selector).text


def errors(browser):
    """What the page has complained of since the last time, such as a policy that was not kept."""
    return [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
