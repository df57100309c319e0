"""Clients of both versions, fifty calls a second: get, list, watch, create, update, delete.

They run in a thread of their own, beside the test that upgrades.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from kopfkit.testing.client import Api

from .auditing import Object, Record, Subject
from .calls import Calls

# Calls a second, of all versions together.
RATE = 50
# Calls at once: more of them means that the API server answers slower than it is asked.
AT_ONCE = 100
SUBJECTS = 10
# Seconds for one call. The API server gives a webhook 30 s.
TIMEOUT = 40.0
# One round of a version's calls: at 25 a second, it makes and deletes one object a second.
ROUND = (
    *("get", "list", "get", "update", "get", "dry create", "get", "list", "get", "dry delete"),
    *("get", "update", "get", "list", "patch", "get", "get", "dry create", "list", "get"),
    *("get", "create", "get", "list", "get"),
)


class Clients(Calls):
    """The clients, from `running` on.

    Args:
        api: says where the API server is, and how to be trusted.
        namespace: where the objects live.
        rich: every second object has content that only v1 knows.
        generation: what the objects' names begin with.
    """

    def __init__(self, api: Api, namespace: str, *, rich: bool, generation: str = "s") -> None:
        names = [f"{generation}-{index}" for index in range(SUBJECTS)]
        super().__init__(
            namespace,
            [Subject(name, rich=rich and index % 2 == 0) for index, name in enumerate(names)],
        )
        self.versions: list[str] = []
        self._api = api
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def prepare(self) -> None:
        """Make the objects."""
        for subject in self.subjects.values():
            version = "v1" if subject.rich else "v1alpha1"
            self._api.post(self.path(version), self.body(subject, version))

    @contextmanager
    def running(self, *versions: str) -> Iterator[Record]:
        """Calls through these versions until the end of the block."""
        self.versions.extend(versions)
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        thread.start()
        try:
            yield self.record
        finally:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self.stop.set)
            thread.join(TIMEOUT + 30)
            assert not thread.is_alive()

    def add(self, version: str) -> None:
        """Call through one more version from now on."""
        self.versions.append(version)
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: self._spawn(self.watch(version)))

    def audit(self) -> list[str]:
        """What is wrong with the objects when all is quiet, by each version."""
        return [
            fault
            for version in self.versions
            for subject in self.subjects.values()
            if (fault := subject.fault(self._api.get(self.path(version, subject.name)), version,
                                       subject.done))
        ]  # fmt: skip

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(limit=0, ssl=self._api._context)
        wait = aiohttp.ClientTimeout(total=None, sock_read=TIMEOUT)
        headers = self._api._headers
        async with aiohttp.ClientSession(
            self._api.url, connector=connector, timeout=wait, headers=headers
        ) as self.http:
            for version in self.versions:
                self._spawn(self.watch(version))
            rounds = {version: itertools.cycle(ROUND) for version in ("v1alpha1", "v1")}
            subjects = itertools.cycle(self.subjects.values())
            due = time.monotonic()
            while not self.stop.is_set():
                for version in tuple(self.versions):
                    if len(self._tasks) < AT_ONCE:
                        verb = next(rounds[version])
                        self._spawn(self._call(verb, version, next(subjects)))
                due = max(due + len(self.versions) / RATE, time.monotonic() - 1)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await asyncio.wait_for(asyncio.gather(*self._tasks), TIMEOUT + 20)
        # TLS connections take some turns of the loop to end, which nobody waits for otherwise.
        await asyncio.sleep(1.0)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, verb: str, version: str, subject: Subject) -> None:
        act: Callable[[str, Subject], Coroutine[Any, Any, None]] = {
            "get": self._get,
            "list": self._list,
            "update": self._update,
            "patch": self._patch,
            "create": self._create_delete,
            "dry create": self._dry_create,
            "dry delete": self._dry_delete,
        }[verb]
        await act(version, subject)

    async def _get(self, version: str, subject: Subject) -> None:
        earliest = subject.done
        found = await self.send("GET", version, subject.name)
        if found is not None:
            self.check(found, version, subject, earliest)

    async def _list(self, version: str, _: Subject) -> None:
        earliest = {name: subject.done for name, subject in self.subjects.items()}
        found = await self.send("GET", version)
        if found is None:
            return
        items = {item["metadata"]["name"]: item for item in found["items"]}
        for name, subject in self.subjects.items():
            if name in items:
                self.check(items[name], version, subject, earliest[name])
            else:
                self.record.wrong.append(f"{name} is missing in a list of {version}")

    async def _update(self, version: str, subject: Subject) -> None:
        """Read, change, write: what an emptied reply would store."""
        if subject.writing:
            await self._get(version, subject)
            return
        subject.writing = True
        try:
            found = await self.send("GET", version, subject.name)
            if found is None:
                return
            # Written back whatever it says: no client looks whether it was served the truth.
            self.check(found, version, subject, subject.done)
            message = subject.message(subject.begun + 1)
            spec = found.setdefault("spec", {})
            (spec if version == "v1alpha1" else spec.setdefault("greeting", {}))["message"] = (
                message
            )
            await self._write("PUT", version, subject, found)
        finally:
            subject.writing = False

    async def _patch(self, version: str, subject: Subject) -> None:
        if subject.writing:
            await self._get(version, subject)
            return
        subject.writing = True
        try:
            message = {"message": subject.message(subject.begun + 1)}
            spec = message if version == "v1alpha1" else {"greeting": message}
            await self._write("PATCH", version, subject, {"spec": spec})
        finally:
            subject.writing = False

    async def _write(self, verb: str, version: str, subject: Subject, body: Object) -> None:
        subject.begun += 1
        found = await self.send(verb, version, subject.name, body)
        if found is not None:
            self.check(found, version, subject, subject.begun)
            subject.done = subject.begun

    async def _create_delete(self, version: str, subject: Subject) -> None:
        made = Subject(f"{subject.name}-{next(self._numbers)}", rich=subject.rich)
        found = await self.send("POST", version, "", self.body(made, version))
        if found is None:
            return
        expected = made if version == "v1" else Subject(made.name, rich=False)
        self.check(found, version, expected, 0)
        for other in tuple(self.versions):
            again = await self.send("GET", other, made.name)
            if again is not None:
                self.check(again, other, expected, 0)
        for _ in range(5):
            if await self.send("DELETE", version, made.name) is not None:
                return
            await asyncio.sleep(1)

    async def _dry_create(self, version: str, subject: Subject) -> None:
        made = Subject(f"{subject.name}-{next(self._numbers)}", rich=subject.rich)
        found = await self.send("POST", version, "", self.body(made, version), dryRun="All")
        if found is not None:
            self.check(found, version, made, 0)

    async def _dry_delete(self, version: str, subject: Subject) -> None:
        earliest = subject.done
        found = await self.send("DELETE", version, subject.name, dryRun="All")
        if found is not None and "spec" in found:
            self.check(found, version, subject, earliest)
