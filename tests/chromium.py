"""A headless Chromium that is driven over a pipe, as its developer tools drive it."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from serving.toolchain import Tool, ToolMissing, locate

OTHER_NAMES = ("chromium-headless-shell", "chromium-browser", "google-chrome")
"""Under which some distributions have it."""
PATIENCE_SECONDS = 30.0
FLAGS = (
    "--headless",
    "--no-sandbox",  # the only pages are our own, and root has no other choice
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)


def found() -> Tool | None:
    try:
        return locate("chromium")
    except ToolMissing:
        paths = [path for name in OTHER_NAMES if (path := shutil.which(name))]
        return (
            Tool(name="chromium", version="", path=Path(paths[0]), origin="PATH") if paths else None
        )


@dataclass
class Page:
    """One tab. What its console, its network and its scripts complain of is kept."""

    browser: Browser
    target: str
    session: str
    problems: list[str] = field(default_factory=list)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.ask(method, parameters, self.session)

    def look_like(
        self, width: int, height: int = 900, scheme: Literal["light", "dark"] = "light"
    ) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if width < 600 else 1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", features=features)

    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        answer = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.run(condition):
            if time.monotonic() > end:
                raise AssertionError(f"never came true: {condition}; {self.problems}")
            time.sleep(0.05)

    def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                text=text,
            )

    def picture(self, path: Path, *, whole: bool = True) -> None:
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        self.browser.ask("Target.closeTarget", {"targetId": self.target})

    def heard(self, method: str, told: dict[str, Any]) -> None:
        match method:
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                said = " ".join(str(each.get("value", each)) for each in told["args"])
                self.problems.append(f"console {told['type']}: {said}")
            case "Runtime.exceptionThrown":
                self.problems.append(f"exception: {told['exceptionDetails']}")
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                entry = told["entry"]
                self.problems.append(f"log: {entry['text']} {entry.get('url', '')}")


def _pipe() -> tuple[int, int]:
    """Away from the numbers that the browser expects its own ends under."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


class Browser:
    def __init__(self, tool: Tool, profile: Path) -> None:
        command = tool.command(*FLAGS, f"--user-data-dir={profile}")
        to_read, self._to = _pipe()
        self._from, to_write = _pipe()
        self._process = os.posix_spawn(
            command[0],
            command,
            tool.environment(),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, to_read, 3),
                (os.POSIX_SPAWN_DUP2, to_write, 4),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
        )
        os.close(to_read)
        os.close(to_write)
        self._count = 0
        self._rest = b""
        self._pages: dict[str, Page] = {}

    def page(self) -> Page:
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        parameters = {"targetId": target, "flatten": True}
        page = Page(self, target, self.ask("Target.attachToTarget", parameters)["sessionId"])
        self._pages[page.session] = page
        for domain in ("Page", "Runtime", "Log"):
            page.ask(f"{domain}.enable")
        page.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        return page

    def ask(
        self, method: str, parameters: dict[str, Any], session: str | None = None
    ) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            if page := self._pages.get(answer.get("sessionId", "")):
                page.heard(answer["method"], answer["params"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], PATIENCE_SECONDS)
            more = os.read(self._from, 1 << 20) if ready else b""
            assert more, "the browser is silent"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def close(self) -> None:
        """Asked to, it ends with all its processes, so that its profile can be removed."""
        try:
            self.ask("Browser.close", {})
        finally:
            os.close(self._to)
            os.close(self._from)
            os.waitpid(self._process, 0)


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    tool = found()
    assert tool is not None, "no Chromium is here: run `make setup`"
    browser = Browser(tool, profile)
    try:
        yield browser
    finally:
        browser.close()
