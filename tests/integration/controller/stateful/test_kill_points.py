"""SIGKILL after every API write of a restore and of an upgrade, in a soak before it as well: the
same end as without.

A clean run counts the writes. Then one operator for each point dies there, behind a proxy that
counts, each in a namespace of its own; one operator after them ends what they began.
"""

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from budgets import SOAK
from kopfkit import yamls
from kopfkit.testing.client import Api
from kopfkit.testing.faultproxy import Answer, Drop, FaultProxy, Forward, Request
from kopfkit.testing.waiting import eventually

DEFAULT = "localhost:5001/helloworld-operator:test"
NEXT = "localhost:5001/helloworld-operator:next"
SMALL = {"size": "10Mi", "storageClassName": "fixed"}
HWS = "helloworldsnapshots"
# Writes of one change, at most; a run that makes more fails.
MOST = 16
# Who died before a write left the same objects as who died after the one before it, and before the
# first one there is nothing to find; a soak tries both.
AFTER = (False, True) if SOAK else (True,)
# How many die at a time; each is a process.
AT_ONCE = 4


@dataclass
class Victim:
    """One namespace, and an operator that sees only it, through a proxy.

    Attributes:
        dies: number of the write it dies at, 0 for never.
        after: dies when that write was done, else before it.
        writes: what it asked to be written.
    """

    plane: Any
    world: Any
    dies: int = 0
    after: bool = False
    writes: list[str] = field(default_factory=list)
    dead: threading.Event = field(default_factory=threading.Event)
    process: "subprocess.Popen[bytes] | None" = None

    def __str__(self) -> str:
        return f"died {'after' if self.after else 'before'} write {self.dies}"

    async def _count(self, request: Request, forward: Forward) -> Answer:
        beside = any(part in request.path for part in ("/leases", "/events", "selfsubject"))
        if not request.write or beside:
            return await forward()
        self.writes.append(str(request))
        if len(self.writes) != self.dies:
            return await forward()
        if self.after:
            await forward()
        assert self.process is not None
        self.process.kill()
        self.dead.set()
        raise Drop

    @contextmanager
    def operator(self) -> Iterator[None]:
        """The operator, while it lives."""
        context = ssl.create_default_context(cafile=self.plane.control.certificates / "ca.crt")
        proxy = FaultProxy(self.plane.control.url, context)
        proxy.on_request = self._count
        path, _ = self.plane.kubeconfig("victim")
        config = yamls.read(path)
        config["clusters"][0]["cluster"] = {"server": proxy.url}
        path.write_text(yamls.dump(config))
        environment = {
            **os.environ,
            "KUBECONFIG": str(path),
            "RELATED_IMAGE_HELLOWORLD": DEFAULT,
        }
        arguments = ("--health-port=0", "--metrics-port=0", "--no-leader-elect")
        command = [sys.executable, "-m", "helloworld_operator", "run", *arguments]
        with path.with_suffix(".log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, f"--namespace={self.world.namespace}"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            yield
        finally:
            self.process.kill()
            self.process.wait(120)
            proxy.close()


def _restore(world: Any) -> None:
    body = {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorld",
        "metadata": {"name": "y", "namespace": world.namespace},
        "spec": {"persistence": SMALL, "restoreFrom": {"snapshotName": "copy"}},
    }
    world.api.create(body)


def _upgrade(world: Any) -> None:
    world.api.patch(world.path("helloworlds", "x"), {"spec": {"image": NEXT}})


def _restored(world: Any) -> None:
    claim = world.get("persistentvolumeclaims", "y-data")
    assert claim["metadata"]["annotations"]["test.jiaozi.com/filled-from"] == "copy"
    assert world.get("helloworlds", "y")["status"]["image"] == DEFAULT
    assert world.image("y") == DEFAULT
    assert sorted(world.names("jobs")) == ["copy-snapshot", "y-restore"]
    assert sorted(world.names(HWS)) == ["copy"]


def _upgraded(world: Any) -> None:
    now = world.get("helloworlds", "x")["status"]
    assert now["image"] == NEXT
    assert "rejectedImage" not in now
    assert world.image("x") == NEXT
    (taken,) = world.names(HWS, "test.jiaozi.com/made-by=upgrade")
    assert world.condition(HWS, taken, "Ready")["status"] == "True"
    assert len(world.names("jobs")) == 2
    assert len(world.names("persistentvolumeclaims")) == 3


CHANGES: dict[str, tuple[Callable[[Any], None], Callable[[Any], None]]] = {
    "restore": (_restore, _restored),
    "upgrade": (_upgrade, _upgraded),
}


@pytest.fixture
def worlds(plane: Any, api: Api, start: Any, make_world: Any) -> Any:
    """Namespaces with a guest book "x" and a snapshot "copy" of it, and no operator."""

    def make(count: int) -> list[Any]:
        first = start("--no-leader-elect")
        made = [make_world() for _ in range(count)]
        for world in made:
            body = {
                "apiVersion": "test.jiaozi.com/v1",
                "kind": "HelloWorld",
                "metadata": {"name": "x", "namespace": world.namespace},
                "spec": {"persistence": SMALL},
            }
            api.create(body)
            world.snapshot("copy")
        for world in made:
            world.rolled_out("x", image=DEFAULT)
            world.reason(HWS, "copy", "Ready", "Completed")
        first.stop()
        return made

    return make


@pytest.mark.parametrize("name", CHANGES)
def test_dying_at_any_write_changes_nothing_in_the_end(
    name: str, plane: Any, start: Any, worlds: Any
) -> None:
    change, check = CHANGES[name]
    (clean,) = worlds(1)

    def run(victim: Victim) -> Victim:
        change(victim.world)
        with victim.operator():

            def ended() -> bool:
                return victim.dead.is_set() or check(victim.world) is None

            eventually(ended)
            if not victim.dead.is_set() and not victim.dies:
                # What it still has to say.
                seen = -1
                while seen != len(victim.writes):
                    seen = len(victim.writes)
                    with suppress(AssertionError):
                        eventually(lambda: len(victim.writes) != seen, timeout=3)  # noqa: B023
        return victim

    writes = run(Victim(plane, clean)).writes
    assert 0 < len(writes) <= MOST, writes
    points = [(number, after) for number in range(1, len(writes) + 1) for after in AFTER]
    there = zip(worlds(len(points)), points, strict=True)
    victims = [Victim(plane, world, *point) for world, point in there]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, victims))
    died = [victim for victim in victims if victim.dead.is_set()]
    start("--no-leader-elect")

    print(f"{len(died)} of {len(points)} points: {', '.join(writes)}")
    # How often the status is told may differ from run to run; nothing else may.
    assert len(died) >= len(points) - 2 * len(AFTER)
    for victim in victims:
        try:
            eventually(lambda victim=victim: check(victim.world) is None)
        except AssertionError as error:
            error.add_note(f"{victim}: {writes[victim.dies - 1]}")
            raise
