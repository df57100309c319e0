"""One call or one watch, sent once and judged: what it was answered, and whether that is right.

Whatever a client library would send again by itself (429 with Retry-After, a watch that ended in
order, 409 of an optimistic write) is counted apart, all else that is no success is a failure. When
which call is sent is the business of `clients`.
"""

import asyncio
import json
import time
from typing import Any

import aiohttp

from helloworld_operator.api import HELLOWORLD

from .auditing import Object, Record, Subject


class Calls:
    """Calls for the objects of a namespace.

    Args:
        namespace: where the objects live.
        subjects: the objects that stay.
    """

    http: aiohttp.ClientSession

    def __init__(self, namespace: str, subjects: list[Subject]) -> None:
        self.namespace = namespace
        self.subjects = {subject.name: subject for subject in subjects}
        self.record = Record()
        self.stop = asyncio.Event()
        self._started = time.monotonic()

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

    async def send(
        self, verb: str, version: str, name: str = "", body: Any = None, **query: str
    ) -> Object | None:
        """The answer, or None if it was none; counted either way."""
        kind = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": kind} if data else {}
        self.record.count(verb, version)
        try:
            async with self.http.request(
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

    def check(self, found: Object, version: str, subject: Subject, earliest: int) -> bool:
        """Whether a reply is right; see `Subject.fault`."""
        fault = subject.fault(found, version, earliest)
        if fault:
            self.record.wrong.append(f"{time.monotonic() - self._started:.1f} s: {fault}")
        return not fault

    async def watch(self, version: str) -> None:
        """List and watch, as an informer does; one that ends is opened again."""
        while not self.stop.is_set():
            found = await self.send("GET", version)
            if found is None:
                await asyncio.sleep(0.5)
                continue
            await self._follow(version, found["metadata"]["resourceVersion"])

    async def _follow(self, version: str, since: str) -> None:
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "600"}
        self.record.count("WATCH", version)
        try:
            async with self.http.get(self.path(version), params=query) as answer:
                if answer.status == 429:
                    self.record.retried += 1
                    await asyncio.sleep(0.5)
                    return
                if answer.status != 200:
                    self._failed(f"WATCH {version}: {answer.status} {(await answer.text())[:400]}")
                    await asyncio.sleep(0.5)
                    return
                buffer = b""
                while not self.stop.is_set():
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
            self.check(found, version, subject, 0)
        return True
