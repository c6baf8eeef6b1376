"""A headless Chromium that is driven over a pipe: what pages ask for, what they complain of, what they show.

Source: the Chrome DevTools Protocol, https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
PATIENCE = 60  # seconds for what a page should show

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--window-size=1280,1400",
]


class Browser:
    """One page at a time; `requests` and `complaints` are those since the last `open`."""

    def __init__(self) -> None:
        assert CHROMIUM is not None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()

        def as_three_and_four() -> None:
            copies = os.dup(theirs_in), os.dup(theirs_out)  # maybe 3 or 4 themselves
            os.dup2(copies[0], 3)
            os.dup2(copies[1], 4)

        self._program = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"],
            preexec_fn=as_three_and_four,
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in = os.fdopen(ours_out, "wb", 0), os.fdopen(ours_in, "rb")
        self._number = 0
        self._loaded = False
        self._session: str | None = None
        pages = self.say("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in pages if each["type"] == "page")
        self._session = self.say("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.say(f"{domain}.enable")

    def say(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result; what happens meanwhile is noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while (heard := self._hear()).get("id") != self._number:
            self._note(heard)
        assert "error" not in heard, heard
        result: dict[str, Any] = heard["result"]
        return result

    def _hear(self) -> dict[str, Any]:
        message = bytearray()
        while (byte := self._in.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        heard: dict[str, Any] = json.loads(message)
        return heard

    def _note(self, event: dict[str, Any]) -> None:
        what = event.get("params", {})
        match event["method"]:
            case "Network.requestWillBeSent":
                self.requests.append(what["request"]["url"])
            case "Network.loadingFailed" if not what.get("canceled"):
                self.complaints.append(what["errorText"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(what["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if what["type"] in ("error", "warning", "assert"):
                self.complaints.append(str([each.get("value") for each in what["args"]]))
            case "Log.entryAdded" if what["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{what['entry']['text']} {what['entry'].get('url', '')}")
            case "Page.loadEventFired":
                self._loaded = True
            case _:
                pass

    def open(self, url: str) -> None:
        """Load a page to its end."""
        self.requests, self.complaints, self._loaded = [], [], False
        self.say("Page.navigate", url=url)
        while not self._loaded:
            self._note(self._hear())

    def value(self, expression: str) -> Any:
        """The value of an expression in JavaScript."""
        return self.say("Runtime.evaluate", expression=expression, returnByValue=True)[
            "result"
        ].get("value")

    def until(self, condition: Callable[[], Any]) -> Any:
        """Ask until it is true, for as long as a page may take; its last value."""
        limit = time.monotonic() + PATIENCE
        while not (value := condition()) and time.monotonic() < limit:
            time.sleep(0.02)
        return value

    def elements(self, name: str, inside: str) -> int:
        """How many `name` there are in elements of a class, closed shadow trees included."""

        def count(node: dict[str, Any], within: bool) -> int:
            attributes = node.get("attributes", [])
            classes = dict(zip(attributes[::2], attributes[1::2], strict=True)).get("class", "")
            here = within and node["nodeName"].lower() == name
            within = within or inside in classes.split()
            below = [*node.get("children", []), *node.get("shadowRoots", [])]
            return here + sum(count(each, within) for each in below)

        root = self.say("DOM.getDocument", depth=-1, pierce=True)["root"]
        return count(root, False)

    def picture(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        shot = self.say("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """End the browser."""
        self._out.close()  # it ends with its pipe
        self._program.wait(PATIENCE)
        self._in.close()
        self._profile.cleanup()
