"""A Chromium without windows for tests of pages opened from disk: what it made of a page, and what it complained of."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser():
    """Path of a Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for path in map(shutil.which, NAMES) if path), None)


@dataclass(frozen=True)
class Page:
    """A page after its scripts ran.

    Attributes
    ----------
    html : str
    console : list of str
        Lines that the page wrote to its console, errors among them.
    """

    html: str
    console: list

    def text_of(self, name):
        """Text of the element ``<pre id=name>``."""
        found = re.search(rf'<pre id="{name}">(.*?)</pre>', self.html, re.S)
        assert found, f"no element {name} in {self.html[-2000:]}"
        return unescape(found[1])


def open_page(browser, url, profile, *, size=(1280, 900), budget_ms=60_000):
    """Open a page, let its scripts run, and read what became of it."""
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--window-size={size[0]},{size[1]}",
            f"--user-data-dir={profile}",
            f"--virtual-time-budget={budget_ms}",
            "--enable-logging=stderr",
            "--v=0",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=180,
        check=True,
    )
    return Page(done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line])
