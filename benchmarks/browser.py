"""A headless Chromium, as the benchmarks and the browser tests use it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

__all__ = ["start_browser"]


def start_browser(
    folder: Path, *arguments: str, width: int = 1280, height: int = 900
) -> webdriver.Chrome:
    """Start headless Chromium without background traffic.

    Parameters
    ----------
    folder
        Its profile, which is created if necessary.
    *arguments
        Further options of its command line.
    width, height
        Size of the window, in pixels.

    Raises
    ------
    RuntimeError
        If Chromium or its driver is not installed.
    """
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        raise RuntimeError(
            "This needs Chromium and ChromeDriver: apt-get install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless=new",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        # A page that scrolls smoothly moves what is to be clicked away from the pointer.
        "--force-prefers-reduced-motion",
        f"--window-size={width},{height}",
        f"--user-data-dir={folder}",
    ):
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    for argument in arguments:
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=Service(driver))
