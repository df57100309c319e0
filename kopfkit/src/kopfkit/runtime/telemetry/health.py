"""/healthz and /readyz over plain HTTP, answered from a thread of their own.

/healthz fails only when the process's event loop has not turned for a minute: a process that is
merely busy still answers, and is not killed for it. /readyz says which of the named checks fails.
Both are for the kubelet, so an answer names states and never objects.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web

from kopfkit.runtime.telemetry.listening import listen

# The kubelet asks in short intervals; a connection left open would hold the process up at its end.
_HEADERS: Final = {"Connection": "close"}
# Seconds between two signs of life of the event loop, and without one until it counts as dead: far
# above what garbage collection, a large list or a throttled CPU take.
_BEAT: Final = 1.0
DEAD: Final = 60.0


class Health:
    """The server, and the checks it asks.

    Args:
        clock: monotonic seconds.

    `checks` maps a name to a function that returns "" or what is missing. It is called from the
    server's thread, so it may look and not touch.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.checks: dict[str, Callable[[], str]] = {}
        self._clock = clock
        self._beaten = 0.0
        self._beat: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    async def start(self, port: int) -> int:
        """Listen on all addresses; returns the port (another than 0, if 0 was asked for).

        The event loop this is called from is the one whose life /healthz tells.

        Raises:
            KopfkitError: the port is taken.
        """
        listening = listen("health", port, "choose another with --health-port.")
        taken = int(listening.getsockname()[1])
        self._alive()
        ready = threading.Event()
        # A daemon: it must not keep a process alive whose main thread has failed.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening, ready)), name="health", daemon=True
        )
        self._thread.start()
        await asyncio.to_thread(ready.wait)
        return taken

    async def stop(self) -> None:
        """Stop listening."""
        if self._beat is not None:
            self._beat.cancel()
        if self._thread is not None and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _alive(self) -> None:
        self._beaten = self._clock()
        self._beat = asyncio.get_running_loop().call_later(_BEAT, self._alive)

    async def _serve(self, listening: socket.socket, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        try:
            await runner.setup()
            await web.SockSite(runner, listening).start()
        finally:
            ready.set()
        try:
            await self._stop.wait()
        finally:
            await runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        silent = self._clock() - self._beaten
        if silent > DEAD:
            text = f"event loop: has not turned for {silent:.0f} s\n"
            return web.Response(text=text, status=503, headers=_HEADERS)
        return web.Response(text="ok\n", headers=_HEADERS)

    async def _readyz(self, request: web.Request) -> web.Response:
        lines, status = [], 200
        for name, check in self.checks.items():
            missing = check()
            lines.append(f"{name}: {missing or 'ok'}")
            status = 503 if missing else status
        return web.Response(text="\n".join(lines) + "\n", status=status, headers=_HEADERS)
