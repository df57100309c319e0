"""Storms of refusals, and an API server and an etcd that are killed."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from kopfkit.testing.faultproxy import Answer, Drop, Forward, Request
from kopfkit.testing.waiting import eventually

COUNT = 10


class Storm:
    """Refuses requests at random while it lasts."""

    def __init__(self, status: int, random: Any) -> None:
        self._status, self._random = status, random
        self.lasts = True
        self.refused = 0

    async def __call__(self, request: Request, forward: Forward) -> Answer:
        if not self.lasts or self._random.random() < 0.2:
            return await forward()
        if self._status == 409 and not request.write:
            return await forward()
        self.refused += 1
        if self._status == 500 and request.write and self._random.random() < 0.5:
            await forward()  # done, and yet the answer says it is not
        if self._status == 0:
            raise Drop
        reasons = {409: "Conflict", 429: "TooManyRequests", 500: "InternalError"}
        body = (
            f'{{"kind":"Status","apiVersion":"v1","status":"Failure","code":{self._status},'
            f'"reason":"{reasons[self._status]}","message":"a storm"}}'
        )
        headers = {"Content-Type": "application/json"}
        if self._status == 429:
            headers["Retry-After"] = "1"
        return Answer(self._status, body.encode(), headers)


@pytest.mark.parametrize("status", [429, 500, 409, 0], ids=["429", "500", "409", "no answer"])
def test_a_storm_passes_and_nothing_is_left_undone(
    status: int, lane: Any, world: Any, kit: Any, times: Any, seeds: Any
) -> None:
    one, here = lane(), world()
    operator = one.start(f"--namespace={here.namespace}")
    operator.says("Became leader")
    with kit.seeded(next(seeds(1))) as random:
        for _ in range(times(1)):
            storm = one.proxy.on_request = Storm(status, random)
            for number in range(COUNT):
                name = f"x{number}"
                if here.api.exists(here.hello(name)):
                    here.api.patch(here.hello(name), {"spec": {"replicas": random.randint(0, 9)}})
                else:
                    here.create(name)
            one.proxy.cut()
            eventually(lambda storm=storm: storm.refused > 2 * COUNT)
            time.sleep(2.0)
            storm.lasts = False
            calm = time.monotonic()
            _converged(here)
            print(f"{status or 'no answer'}: converged {time.monotonic() - calm:.1f} s after")
    assert operator.process.poll() is None


def _converged(here: Any) -> None:
    def look() -> bool:
        found = {item["metadata"]["name"]: item for item in here.items("Deployment")}
        assert len(found) == len(here.items("Service")) == COUNT
        for item in here.items("HelloWorld"):
            name, wanted = item["metadata"]["name"], item["spec"]["replicas"]
            assert found[name]["spec"]["replicas"] == wanted, name
        return bool(here.told())

    eventually(look)


@pytest.mark.parametrize("victim", ["kube-apiserver", "etcd"])
def test_after_a_server_was_killed_everything_converges(
    victim: str, start: Any, world: Any, plane: Any, times: Any
) -> None:
    operator, here = start(), world()
    operator.says("Became leader")
    for round_ in range(times(1)):
        for number in range(COUNT):
            if round_ == 0:
                here.create(f"x{number}")
            else:
                here.api.patch(here.hello(f"x{number}"), {"spec": {"replicas": round_}})
        _kill(plane, victim)
        ready = time.monotonic()
        _converged(here)
        print(f"{victim}: converged {time.monotonic() - ready:.1f} s after it was ready")
    assert operator.process.poll() is None


def _kill(plane: Any, victim: str) -> None:
    """SIGKILL, some seconds away, and a new start with the same arguments."""
    server = plane.control.daemons()[victim]
    pid = server.pid()
    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    plane.api.close()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not server.alive())
    time.sleep(5)  # longer than the Lease lasts
    server.argv = command
    server.start()
    eventually(plane.control.ready)
    plane.api.close()  # its connections ended with the server
