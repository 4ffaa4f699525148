"""A real browser for pages: Chromium without a window, spoken to over two pipes."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import signal
import subprocess
import time
from collections import deque

#: A machine that others use as well starts a browser in seconds.
DEADLINE_S = 60
ARGUMENTS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # it refuses to be started by root with one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--no-proxy-server",
)


class Browser:
    """One Chromium, one page; speaks the DevTools protocol, a JSON object and a zero byte at a time."""

    def __init__(self, program, profile):
        # It reads from descriptor 3 and writes to 4.
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        line = 'exec "$@" 3<&"$IN" 4>&"$OUT"'
        self._process = subprocess.Popen(
            ["bash", "-c", line, "bash", program, *ARGUMENTS, f"--user-data-dir={profile}", "about:blank"],
            env={**os.environ, "IN": str(theirs_in), "OUT": str(theirs_out)},
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._numbers = itertools.count(1)
        self._rest, self._session = b"", None
        self._unread = deque()
        self.events = []
        pages = self._pages()
        attached = self.ask("Target.attachToTarget", targetId=pages[0], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def _pages(self):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            found = self.ask("Target.getTargets")["targetInfos"]
            pages = [each["targetId"] for each in found if each["type"] == "page"]
            if pages or time.monotonic() > deadline:
                return pages

    def ask(self, method, **params):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        deadline = time.monotonic() + DEADLINE_S
        while not self._unread:
            ready, _, _ = select.select([self._from], [], [], max(deadline - time.monotonic(), 0))
            data = os.read(self._from, 1 << 20) if ready else b""
            assert data, f"Chromium said nothing more (exit code {self._process.poll()})"
            *whole, self._rest = (self._rest + data).split(b"\0")
            self._unread.extend(map(json.loads, whole))
        return self._unread.popleft()

    def open(self, path, *, width, height=900, scheme="light"):
        """Show a file, or an address, on a screen so wide, to somebody who likes it light or dark."""
        self.events.clear()
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=path if isinstance(path, str) else path.as_uri())
        while not any(each.get("method") == "Page.loadEventFired" for each in self.events):
            self.events.append(self._next())

    def run(self, script):
        """Return what an expression comes to in the page."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def press(self, key, code):
        """Press a key and let it go."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.ask(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text
            )

    @property
    def complaints(self):
        """What stands in the console, and what was thrown."""
        named = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [each["params"] for each in self.events if each.get("method") in named]

    @property
    def requests(self):
        """What was asked of anybody, the file itself aside."""
        sent = [each for each in self.events if each.get("method") == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in sent][1:]

    def picture(self, path, *, whole=True):
        """Keep what is to be seen."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        told = self.ask(
            "Page.captureScreenshot", captureBeyondViewport=whole, **({"clip": clip} if whole else {})
        )
        path.write_bytes(base64.b64decode(told["data"]))

    def close(self):
        os.close(self._to)
        os.close(self._from)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
