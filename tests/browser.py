"""A headless Chromium by its DevTools protocol, for tests of pages."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Seconds for anything that a browser does.
PATIENCE = 120.0


def program() -> str:
    """The path of a Chromium; Debian's is installed where there is none, by root. Skips else."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        options = ("-y", "-qq", "--no-install-recommends")
        for words in (("update", "-qq"), ("install", *options, "chromium", "fonts-dejavu-core")):
            subprocess.run(["apt-get", *words], check=False, stdout=subprocess.DEVNULL)
        if found := shutil.which("chromium"):
            return found
    pytest.skip("no browser: Chromium is not installed, and cannot be")


class Tab:
    """A tab.

    Attributes:
        events: what the browser told of it, in order: method and parameters.
    """

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse[Any]") -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.events: list[tuple[str, Any]] = []
        self._reader = asyncio.create_task(self._read())

    async def call(self, method: str, **parameters: Any) -> Any:
        """A command and its result."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        message = {"id": self._number, "method": method, "params": parameters}
        await self._socket.send_json(message)
        found = await asyncio.wait_for(answer, PATIENCE)
        assert "error" not in found, found
        return found["result"]

    async def value(self, expression: str) -> Any:
        """The value of an expression in the page, awaited if it is a promise."""
        found = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str) -> Any:
        """The value of an expression as soon as it counts as true."""
        async with asyncio.timeout(PATIENCE):
            while True:
                # Between two pages there is nothing to ask.
                with contextlib.suppress(AssertionError):
                    if found := await self.value(expression):
                        return found
                await asyncio.sleep(0.05)

    async def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            said = {"text": text} if text and kind == "keyDown" else {}
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **said
            )

    async def open(self, url: str) -> None:
        """Go to a page and wait until all of it is there."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def picture(self, width: int = 1280) -> bytes:
        """A PNG of the whole page."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        found = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    async def close(self) -> None:
        """Listen no more."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        async for message in self._socket:
            found = json.loads(message.data)
            if "id" in found:
                self._answers.pop(found["id"]).set_result(found)
                continue
            self.events.append((found["method"], found["params"]))


@contextlib.asynccontextmanager
async def tab(directory: Path) -> AsyncIterator[Tab]:
    """A tab of a browser of its own, whose profile is in a directory."""
    chromium = _start(directory)
    try:
        port = await _port(directory, chromium)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [each for each in await answer.json() if each["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as ws:
                found = Tab(ws)
                for domain in ("Page", "Network", "Runtime"):
                    await found.call(f"{domain}.enable")
                yield found
                await found.close()
    finally:
        chromium.terminate()
        chromium.wait(PATIENCE)


def _start(directory: Path) -> "subprocess.Popen[bytes]":
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    words += ["--remote-debugging-port=0", f"--user-data-dir={directory}", "about:blank"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen([program(), *words], stdout=quiet, stderr=quiet)


async def _port(directory: Path, chromium: "subprocess.Popen[bytes]") -> int:
    told = directory / "DevToolsActivePort"
    async with asyncio.timeout(PATIENCE):
        while not (told.is_file() and told.read_text().strip()):
            assert chromium.poll() is None, "the browser has ended"
            await asyncio.sleep(0.05)
    return int(told.read_text().splitlines()[0])
