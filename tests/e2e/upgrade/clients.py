"""Clients of both versions, fifty calls a second: get, list, watch, create, update, delete.

They run in a thread of their own, beside the test that upgrades. A call is sent once: whatever a
client library would send again by itself (429 with Retry-After, a watch that ended in order, 409
of an optimistic write) is counted apart, all else that is no success is a failure.
"""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from helloworld_operator.api import HELLOWORLD
from kopfkit.testing.client import Api

from .auditing import Object, Record, Subject

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


class Clients:
    """The clients, from `running` on.

    Args:
        api: says where the API server is, and how to be trusted.
        namespace: where the objects live.
        rich: every second object has content that only v1 knows.
        generation: what the objects' names begin with.
    """

    def __init__(self, api: Api, namespace: str, *, rich: bool, generation: str = "s") -> None:
        self._api, self.namespace = api, namespace
        names = [f"{generation}-{index}" for index in range(SUBJECTS)]
        self.subjects = {
            name: Subject(name, rich=rich and index % 2 == 0) for index, name in enumerate(names)
        }
        self.versions: list[str] = []
        self.record = Record()
        self._started = time.monotonic()
        self._stop = asyncio.Event()
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def path(self, version: str, name: str = "") -> str:
        """URL path of an object, or of all."""
        root = f"/apis/{HELLOWORLD.group}/{version}/namespaces/{self.namespace}"
        return f"{root}/{HELLOWORLD.plural}/{name}".rstrip("/")

    def body(self, subject: Subject, version: str) -> Object:
        """The object to be created."""
        return {
            "apiVersion": f"{HELLOWORLD.group}/{version}",
            "kind": HELLOWORLD.kind,
            "metadata": {"name": subject.name},
            "spec": subject.spec(version, 0),
        }

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
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(TIMEOUT + 30)
            assert not thread.is_alive()

    def add(self, version: str) -> None:
        """Call through one more version from now on."""
        self.versions.append(version)
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: self._spawn(self._watch(version)))

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
        ) as self._http:
            for version in self.versions:
                self._spawn(self._watch(version))
            rounds = {version: itertools.cycle(ROUND) for version in ("v1alpha1", "v1")}
            subjects = itertools.cycle(self.subjects.values())
            due = time.monotonic()
            while not self._stop.is_set():
                for version in tuple(self.versions):
                    if len(self._tasks) < AT_ONCE:
                        verb = next(rounds[version])
                        self._spawn(self._call(verb, version, next(subjects)))
                due = max(due + len(self.versions) / RATE, time.monotonic() - 1)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await asyncio.wait_for(asyncio.gather(*self._tasks), TIMEOUT + 20)

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

    async def _send(
        self, verb: str, version: str, name: str = "", body: Any = None, **query: str
    ) -> Object | None:
        """The answer, or None if it was none; counted either way."""
        kind = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": kind} if data else {}
        self.record.count(verb, version)
        try:
            async with self._http.request(
                verb, self.path(version, name), data=data, headers=sent, params=query
            ) as answer:
                text = await answer.text()
                if answer.status < 300:
                    found: Object = json.loads(text)
                    return found
                if answer.status == 429 and "Retry-After" in answer.headers:
                    self.record.retried += 1
                elif answer.status == 409:
                    self.record.conflicts += 1
                else:
                    self._failed(f"{verb} {version} {name}: {answer.status} {text[:400]}")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._failed(f"{verb} {version} {name}: {error!r}")
        return None

    def _failed(self, what: str) -> None:
        self.record.failures.append(f"{time.monotonic() - self._started:.1f} s: {what}")

    def _check(self, found: Object, version: str, subject: Subject, earliest: int) -> bool:
        fault = subject.fault(found, version, earliest)
        if fault:
            self.record.wrong.append(f"{time.monotonic() - self._started:.1f} s: {fault}")
        return not fault

    async def _get(self, version: str, subject: Subject) -> None:
        earliest = subject.done
        found = await self._send("GET", version, subject.name)
        if found is not None:
            self._check(found, version, subject, earliest)

    async def _list(self, version: str, _: Subject) -> None:
        earliest = {name: subject.done for name, subject in self.subjects.items()}
        found = await self._send("GET", version)
        if found is None:
            return
        items = {item["metadata"]["name"]: item for item in found["items"]}
        for name, subject in self.subjects.items():
            if name in items:
                self._check(items[name], version, subject, earliest[name])
            else:
                self.record.wrong.append(f"{name} is missing in a list of {version}")

    async def _update(self, version: str, subject: Subject) -> None:
        """Read, change, write: what an emptied reply would store."""
        if subject.writing:
            await self._get(version, subject)
            return
        subject.writing = True
        try:
            found = await self._send("GET", version, subject.name)
            if found is None:
                return
            # Written back whatever it says: no client looks whether it was served the truth.
            self._check(found, version, subject, subject.done)
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
        found = await self._send(verb, version, subject.name, body)
        if found is not None:
            self._check(found, version, subject, subject.begun)
            subject.done = subject.begun

    async def _create_delete(self, version: str, subject: Subject) -> None:
        made = Subject(f"{subject.name}-{next(self._numbers)}", rich=subject.rich)
        found = await self._send("POST", version, "", self.body(made, version))
        if found is None:
            return
        expected = made if version == "v1" else Subject(made.name, rich=False)
        self._check(found, version, expected, 0)
        for other in tuple(self.versions):
            again = await self._send("GET", other, made.name)
            if again is not None:
                self._check(again, other, expected, 0)
        for _ in range(5):
            if await self._send("DELETE", version, made.name) is not None:
                return
            await asyncio.sleep(1)

    async def _dry_create(self, version: str, subject: Subject) -> None:
        made = Subject(f"{subject.name}-{next(self._numbers)}", rich=subject.rich)
        found = await self._send("POST", version, "", self.body(made, version), dryRun="All")
        if found is not None:
            self._check(found, version, made, 0)

    async def _dry_delete(self, version: str, subject: Subject) -> None:
        earliest = subject.done
        found = await self._send("DELETE", version, subject.name, dryRun="All")
        if found is not None and "spec" in found:
            self._check(found, version, subject, earliest)

    async def _watch(self, version: str) -> None:
        """List and watch, as an informer does; one that ends is opened again."""
        while not self._stop.is_set():
            found = await self._send("GET", version)
            if found is None:
                await asyncio.sleep(0.5)
                continue
            await self._follow(version, found["metadata"]["resourceVersion"])

    async def _follow(self, version: str, since: str) -> None:
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "600"}
        self.record.count("WATCH", version)
        try:
            async with self._http.get(self.path(version), params=query) as answer:
                if answer.status == 429:
                    self.record.retried += 1
                    await asyncio.sleep(0.5)
                    return
                if answer.status != 200:
                    self._failed(f"WATCH {version}: {answer.status} {(await answer.text())[:400]}")
                    await asyncio.sleep(0.5)
                    return
                buffer = b""
                while not self._stop.is_set():
                    try:
                        chunk = await asyncio.wait_for(answer.content.readany(), 1.0)
                    except TimeoutError:
                        continue
                    if not chunk:
                        self.record.closed += 1
                        return
                    *lines, buffer = (buffer + chunk).split(b"\n")
                    for line in filter(None, lines):
                        if not self._event(version, json.loads(line)):
                            return
        except aiohttp.ClientError as error:
            self._failed(f"WATCH {version}: {error!r}")
            await asyncio.sleep(0.5)

    def _event(self, version: str, event: Object) -> bool:
        """Whether the watch goes on."""
        found = event["object"]
        self.record.events += 1
        if event["type"] == "ERROR":
            if found.get("code") == 410:  # too old: every informer lists again
                self.record.closed += 1
            else:
                self._failed(f"WATCH {version}: {found}")
            return False
        subject = self.subjects.get(found["metadata"]["name"])
        if subject is not None:
            # Events come late: any state that ever was is right.
            self._check(found, version, subject, 0)
        return True
