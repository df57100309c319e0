"""Random plans of what can happen to watches and lists, and of what people do meanwhile.

After each plan everything must be as the objects say, within what a resync takes. The operator runs
with a short resync and a short patience with silent watches, so that a plan takes seconds and not
minutes; what is done then is the same.
"""

import asyncio
import json
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kopfkit.testing.client import ApiError
from kopfkit.testing.faultproxy import Answer, Drop, Forward, Request, Send
from kopfkit.testing.waiting import eventually

LANES = 4
PLURALS = ("helloworlds", "deployments", "services")
KINDS = (
    "replay",
    "drop",
    "gone",
    "error",
    "half-open",
    "truncated",
    "twice",
    "slow",
    "time travel",
    "junk",
    "closed",
    "refused",
)
ARGUMENTS = ("--no-leader-elect", "--resync=3", "--watch-silence=2")


def _error(code: int) -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


class Faulty:
    """The hooks of one lane's proxy. Everything here runs in the proxy's event loop, but `arm`."""

    def __init__(self) -> None:
        self._armed: dict[str, tuple[str, int]] = {}
        self._history: dict[str, list[bytes]] = defaultdict(list)
        self._lists: dict[str, list[Answer]] = defaultdict(list)
        self._travels: dict[str, int] = defaultdict(int)
        self._drops: dict[str, int] = defaultdict(int)
        self._refuses: dict[str, int] = defaultdict(int)
        self.happened: list[str] = []

    def arm(self, plural: str, kind: str, after: int) -> None:
        """Let something happen at the line after next `after` lines of a watch."""
        self._armed[plural] = (kind, after)

    def calm(self) -> None:
        """Nothing more happens; what has happened stays so."""
        for each in (self._armed, self._travels, self._drops, self._refuses):
            each.clear()

    def travel(self) -> None:
        """Answer the next list of everything with an old one."""
        for plural in PLURALS:
            self._travels[plural] = 1

    async def on_request(self, request: Request, forward: Forward) -> Answer:
        plural = request.path.rpartition("/")[2]
        if request.watch:
            if self._refuses[plural]:
                self._refuses[plural] -= 1
                return Answer((429, 503)[self._refuses[plural] % 2])
            return await forward()
        if request.method != "GET" or plural not in PLURALS:
            return await forward()
        recorded = self._lists[plural]
        if self._travels[plural] and recorded:
            self._travels[plural] -= 1
            self.happened.append(f"{plural}: an old list")
            return recorded[0]
        answer = await forward()
        if answer.status == 200:
            recorded.append(answer)
            del recorded[:-5]
        return answer

    async def on_line(self, request: Request, line: bytes, send: Send) -> None:
        plural = request.path.rpartition("/")[2]
        history = self._history[plural]
        history.append(line)
        del history[:-20]
        if self._drops[plural]:
            self._drops[plural] -= 1
            return
        kind, after = self._armed.get(plural, ("", 0))
        if after:
            self._armed[plural] = (kind, after - 1)
        elif kind:
            del self._armed[plural]
            self.happened.append(f"{plural}: {kind}")
            await self._happen(kind, plural, line, send)
            return
        await send(line)

    async def _happen(self, kind: str, plural: str, line: bytes, send: Send) -> None:
        if kind == "replay":
            for old in list(self._history[plural]):
                await send(old)
        elif kind == "drop":
            self._drops[plural] = 2
        elif kind == "half-open":
            await asyncio.Event().wait()  # until the client goes
        elif kind == "twice":
            await send(line)
            await send(line)
        elif kind == "slow":
            await asyncio.sleep(0.7)
            await send(line)
        else:
            self._refuses[plural] = 3 if kind == "refused" else 0
            self._travels[plural] = 2 if kind == "time travel" else 0
            last = {
                "gone": _error(410),
                "time travel": _error(410),
                "error": _error(500),
                "truncated": line[: len(line) // 2],
                "junk": b"<html>\n",
            }
            if kind in last:
                await send(last[kind])
            raise Drop


class Runner:
    """One lane: a proxy, an operator and a namespace that goes through plan after plan."""

    def __init__(self, lane: Any, world: Any) -> None:
        self._lane, self._world = lane, world
        self._faulty = Faulty()
        lane.proxy.on_request = self._faulty.on_request
        lane.proxy.on_line = self._faulty.on_line
        self._start()

    def _start(self) -> None:
        self._operator = self._lane.start(*ARGUMENTS, f"--namespace={self._world.namespace}")
        self._operator.says("Caches synced")

    def plan(self, random: Any) -> None:
        self._faulty.happened.clear()
        did: list[str] = []
        try:
            for plural in random.sample(PLURALS, random.randint(1, 3)):
                self._faulty.arm(plural, random.choice(KINDS), random.randint(0, 3))
            for _ in range(random.randint(3, 7)):
                did.append(self._do(random))
                time.sleep(random.choice((0.0, 0.0, 0.05, 0.3)))
            if random.random() < 0.08:
                did.append("restart over old lists")
                self._operator.kill()
                self._faulty.travel()
                self._start()
            self._faulty.calm()
            eventually(self._as_wished)
            assert self._operator.process.poll() is None
        except BaseException as error:
            log = "\n".join(self._operator.logs().splitlines()[-40:])
            error.add_note(f"did {did}\nhappened {self._faulty.happened}\n{log}")
            raise

    def _do(self, random: Any) -> str:
        world, name = self._world, random.choice("abc")
        path = world.hello(name)
        child = f"{world.collection('Deployment')}/{name}"
        service = f"{world.collection('Service')}/{name}"
        what: str = random.choice(["create", "create", "edit", "edit", "delete", "child", "meddle"])
        replicas = random.randint(0, 5)
        try:
            if what == "create":
                world.create(name, replicas=replicas)
            elif what == "edit":
                message = {"message": f"message {random.randint(0, 9)}"}
                world.api.patch(path, {"spec": {"replicas": replicas, "greeting": message}})
            elif what == "delete":
                world.api.delete(path)
            elif what == "child":
                world.api.delete(random.choice((child, service)))
            else:
                world.api.patch(child, {"spec": {"replicas": 7}})
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            return f"{what} {name}: {error.reason}"
        return f"{what} {name}"

    def _as_wished(self) -> bool:
        world = self._world
        hellos = {item["metadata"]["name"]: item for item in world.items("HelloWorld")}
        deployments = {item["metadata"]["name"]: item for item in world.items("Deployment")}
        services = {item["metadata"]["name"] for item in world.items("Service")}
        assert set(hellos) == set(deployments) == services
        for name, item in hellos.items():
            spec, found = item["spec"], deployments[name]["spec"]
            assert found["replicas"] == spec["replicas"], name
            (container,) = found["template"]["spec"]["containers"]
            said = {each["name"]: each.get("value") for each in container["env"]}
            assert said["GREETING_MESSAGE"] == spec["greeting"]["message"], name
        assert world.told()
        assert world.orphans() == []
        return True


def test_any_plan_of_watch_faults_ends_as_the_objects_say(
    lane: Any, world: Any, kit: Any, times: Any, seeds: Any
) -> None:
    count = times(24)
    todo, lock = seeds(count), threading.Lock()
    done = 0

    def work(number: int) -> None:
        nonlocal done
        runner = Runner(lane(), world())
        while True:
            with lock:
                seed = next(todo, None)
            if seed is None:
                return
            with kit.seeded(seed) as random:
                runner.plan(random)
            with lock:
                done += 1

    started = time.monotonic()
    with ThreadPoolExecutor(LANES) as pool:
        futures = [pool.submit(work, number) for number in range(min(LANES, count))]
    for future in futures:
        future.result()
    print(f"{done} plans in {time.monotonic() - started:.0f} s")
    assert done == count
