"""A Chromium without a window, told over a pipe what to do; each page has a profile of its own."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, Any

from .process import DEADLINE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CHROMIUM", "Browser", "Page"]

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class Browser:
    """A running Chromium, in a with statement."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM is not None, "Chromium is missing: make setup installs it"
        orders, self._orders = os.pipe()
        answers_end, answers = os.pipe()

        def numbered() -> None:  # Chromium reads 3 and writes 4, which may be taken here
            ours = os.dup(orders), os.dup(answers)
            os.dup2(ours[0], 3)
            os.dup2(ours[1], 4)

        self._process = subprocess.Popen(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
                *("--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=numbered,
            pass_fds=(3, 4),
        )
        os.close(orders)
        os.close(answers)
        self._numbers = itertools.count(1)
        self._news = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._ended = False
        self._reader = threading.Thread(target=self._read, args=(os.fdopen(answers_end, "rb"),))
        self._reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        rest = b""
        with stream:
            while data := stream.read1(1 << 16):  # type: ignore[attr-defined]
                *messages, rest = (rest + data).split(b"\0")
                with self._news:
                    for message in map(json.loads, messages):
                        if "id" in message:
                            self._answers[message["id"]] = message
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The result of a method of the DevTools protocol."""
        order = {"id": next(self._numbers), "method": method, "params": params}
        if session is not None:
            order["sessionId"] = session
        data = json.dumps(order).encode() + b"\0"
        while data:
            data = data[os.write(self._orders, data) :]
        with self._news:
            self._news.wait_for(lambda: order["id"] in self._answers or self._ended, 2 * DEADLINE)
            assert order["id"] in self._answers, f"Chromium does not answer {method}"
            answer = self._answers.pop(order["id"])
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def page(self, url: str) -> Page:
        """A page of somebody who was never here before."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, attached["sessionId"], target["targetId"])
        page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        page.go(url)
        return page

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._orders)  # its end is Chromium's
        try:
            self._process.wait(DEADLINE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(DEADLINE)


class Page:
    """A page of the browser."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a method of the DevTools protocol, for this page."""
        return self._browser.call(method, self._session, **params)

    def go(self, url: str) -> None:
        """Loads an address; returns when it is there."""
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def close(self) -> None:
        """Closes it, as a person does."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def js(self, expression: str) -> Any:
        """The value of an expression, as JSON."""
        done = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, f"{expression}: {done['exceptionDetails']}"
        return done["result"].get("value")

    def until(self, expression: str) -> Any:
        """The value of an expression, as soon as it is true."""
        end = time.monotonic() + DEADLINE
        while not (value := self.js(expression)):
            assert time.monotonic() < end, f"{expression} is never true:\n{self.text()}"
            time.sleep(0.02)
        return value

    def text(self) -> str:
        """What can be read on the page."""
        shown: str = self.js("document.body.innerText")
        return shown

    def type(self, selector: str, text: str) -> None:
        """Types a text into a field, instead of what is in it, and Enter."""
        field = f"document.querySelector({json.dumps(selector)})"
        self.js(f"{field}.focus(), {field}.select()")
        self.call("Input.insertText", text=text)
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def picture(self, path: Path) -> None:
        """Writes a PNG of what is seen."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
