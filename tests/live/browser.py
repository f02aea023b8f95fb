"""A headless Chromium, driven by its DevTools protocol: what a page shows and does, without another dependency."""

import base64
import itertools
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

from tests.chromium import OPTIONS, chromium

PATIENCE: Final = 30.0


@contextmanager
def open_browser(folder: Path) -> Iterator["Browser"]:
    """A browser with one empty page, whose profile is a new folder."""
    argv = [chromium(), *OPTIONS, "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with connect(_address(folder), max_size=None) as link:
                yield Browser(link)
        finally:
            process.kill()


def _address(folder: Path) -> str:
    """Where its page takes commands, as soon as it does."""
    port = folder / "DevToolsActivePort"
    deadline = time.monotonic() + PATIENCE
    while not (port.exists() and port.read_text().count("\n")):
        assert time.monotonic() < deadline, "the browser does not start"
        time.sleep(0.05)
    number = port.read_text().splitlines()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{number}/json/list", timeout=PATIENCE) as answer:
        found = next(tab["webSocketDebuggerUrl"] for tab in json.load(answer) if tab["type"] == "page")
    return str(found)


class Browser:
    """One page of a browser."""

    def __init__(self, link: ClientConnection) -> None:
        self._link = link
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        """What the page said on its console, and what it was refused."""
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        number = next(self._numbers)
        self._link.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._link.recv(timeout=PATIENCE))
            if message.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(json.dumps(message["params"]))
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    def open(self, url: str) -> None:
        """Go to a page."""
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, script: str) -> Any:
        """The value of an expression as soon as it is true."""
        deadline = time.monotonic() + PATIENCE
        while not (value := self.run(script)):
            assert time.monotonic() < deadline, f"never: {script}"
            time.sleep(0.05)
        return value

    def key(self, key: str) -> None:
        """Press a key."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        code = {"Enter": 13, "End": 35}.get(key, ord(key[0].upper()))
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text)

    def picture(self, path: Path, *, width: int, height: int, dark: bool = False) -> None:
        """A screenshot in a window of this size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
