"""A Chromium without windows for tests of pages opened from disk: what it made of a page, and what it complained of.

One process serves all pages; it is spoken to by the DevTools protocol over two pipes, so that nothing but the
browser is needed, and times are those of the clock.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
TIMEOUT_S = 120.0


def find_browser():
    """Path of a Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """A running Chromium.

    Parameters
    ----------
    path : str
    profile : Path
        Folder for what it keeps.
    """

    def __init__(self, path, profile):
        from_us, to_it = os.pipe()
        from_it, to_us = os.pipe()
        ends = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10) for number in (from_us, to_us)]  # not 3 or 4
        began = time.perf_counter()
        self._pid = os.posix_spawn(
            path,
            [path, *OPTIONS, f"--user-data-dir={profile}"],
            os.environ,
            file_actions=[
                *((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)),
                (os.POSIX_SPAWN_DUP2, ends[0], 3),  # Chromium reads from 3 and writes to 4
                (os.POSIX_SPAWN_DUP2, ends[1], 4),
            ],
        )
        for number in (from_us, to_us, *ends):
            os.close(number)
        self._to, self._from = to_it, from_it
        self._unread, self._number, self.events = b"", 0, []
        self.call("Browser.getVersion")
        self.start_s = time.perf_counter() - began

    def open(self, url, *, size=(1280, 900), dark=False):
        """Open a page and wait until it has loaded.

        Returns
        -------
        page : `Page`
        """
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, target, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", {"features": [scheme]})
        page.go(url)
        return page

    def call(self, method, params=None, session=None):
        """Result of a command; what happens meanwhile goes to ``events``."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self._to, content) :]
        number = self._number
        answer = self._wait(lambda message: message.get("id") == number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def wait_for(self, method, session):
        """Wait for an event of a page that has not been seen yet."""

        def found(message):
            return message.get("method") == method and message.get("sessionId") == session

        for message in self.events:
            if found(message):
                return message
        return self._wait(found)

    def _wait(self, wanted):
        """The next message that is wanted; all others are kept."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            text, found, rest = self._unread.partition(b"\0")
            if found:
                self._unread = rest
                message = json.loads(text)
                if wanted(message):
                    return message
                self.events.append(message)
                continue
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._from], [], [], max(left, 0))
            if not ready:
                raise TimeoutError(f"the browser said nothing for {TIMEOUT_S:g} s")
            more = os.read(self._from, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self._unread += more

    def close(self):
        """End the browser."""
        with contextlib.suppress(EOFError, OSError, TimeoutError):
            self.call("Browser.close")
        for _ in range(200):
            if os.waitpid(self._pid, os.WNOHANG)[0]:
                break
            time.sleep(0.1)
        else:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._to)
        os.close(self._from)


class Page:
    """A page that has been opened; made by `Browser.open`."""

    def __init__(self, browser, target, session):
        self._browser, self._target, self._session = browser, target, session
        self.wall_s = float("nan")

    def call(self, method, params=None):
        """Result of a command about this page."""
        return self._browser.call(method, params, self._session)

    def go(self, url):
        """Go to an address and wait until it has loaded; ``wall_s`` is how long that took."""
        began = time.perf_counter()
        answer = self.call("Page.navigate", {"url": str(url)})
        if "errorText" in answer:
            raise RuntimeError(f"{url}: {answer['errorText']}")
        if "loaderId" in answer:  # else only the part behind # is another
            self._browser.wait_for("Page.loadEventFired", self._session)
        self.wall_s = time.perf_counter() - began

    def evaluate(self, script):
        """Value of a script, awaited where it is a promise."""
        done = self.call(
            "Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True}
        )
        if "exceptionDetails" in done:
            raise RuntimeError(json.dumps(done["exceptionDetails"])[:2000])
        return done["result"].get("value")

    def wait_until(self, script, timeout_ms=20_000):
        """Wait until a script is true."""
        self.evaluate(
            f"(async () => {{ const end = performance.now() + {timeout_ms};"
            f" while (!({script})) {{ if (performance.now() > end) throw new Error('never true');"
            " await new Promise((resolve) => setTimeout(resolve, 10)); } return true; })()"
        )

    @property
    def load_ms(self):
        """Time from the request to the end of the load event by the page's own clock."""
        return self.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")

    @property
    def complaints(self):
        """What the page wrote to its console, errors and what could not be loaded, as text."""
        self.evaluate("0")  # what came before it has arrived
        found = []
        for event in self._browser.events:
            if event.get("sessionId") != self._session:
                continue
            kinds = (
                "Runtime.consoleAPICalled",
                "Runtime.exceptionThrown",
                "Log.entryAdded",
                "Network.loadingFailed",
            )
            if event["method"] in kinds:
                found.append(json.dumps(event["params"])[:500])
        return found

    @property
    def requests(self):
        """Addresses that were asked for, data: and blob: left out."""
        self.evaluate("0")
        urls = [
            event["params"]["request"]["url"]
            for event in self._browser.events
            if event.get("sessionId") == self._session and event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]

    def screenshot(self, path, *, whole=False):
        """Write what is seen, or the whole page, as PNG."""
        options = {"captureBeyondViewport": whole}
        if whole:
            box = self.call("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {"x": 0, "y": 0, "width": box["width"], "height": box["height"], "scale": 1}
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", options)["data"]))

    def close(self):
        """Close the page."""
        self._browser.call("Target.closeTarget", {"targetId": self._target})
        self._browser.events = [e for e in self._browser.events if e.get("sessionId") != self._session]
