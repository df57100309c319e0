"""A watch that stalls is noticed, told to the kubelet, and opened anew."""

import asyncio
import signal
import time
import urllib.error
import urllib.request
from typing import Any

from kopfkit.testing.faultproxy import Answer, Forward, Request, Send
from kopfkit.testing.waiting import eventually


class Stall:
    """Watches stand, and not a byte comes; new ones are taken and never answered."""

    def __init__(self) -> None:
        self.on = False
        self.held = 0

    async def on_request(self, request: Request, forward: Forward) -> Answer:
        if request.watch and self.on:
            self.held += 1
            await asyncio.Event().wait()  # until the client goes
        return await forward()

    async def on_line(self, request: Request, line: bytes, send: Send) -> None:
        if self.on:
            await asyncio.Event().wait()
        await send(line)


def _ask(operator: Any, path: str) -> tuple[int, str]:
    port = operator.logs().split("health port ")[1].split(",")[0].split()[0]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_stalled_watch_makes_it_unready_not_dead_and_ends_when_the_network_is_back(
    lane: Any, world: Any
) -> None:
    one, here, stall = lane(), world(), Stall()
    one.proxy.on_request, one.proxy.on_line = stall.on_request, stall.on_line
    operator = one.start("--no-leader-elect", "--watch-silence=2", f"--namespace={here.namespace}")
    operator.says("Caches synced")
    here.create("before")
    eventually(here.told)
    eventually(lambda: _ask(operator, "readyz")[0] == 200)

    stall.on = True
    here.create("unseen")
    _, text = eventually(lambda: (found := _ask(operator, "readyz"))[0] == 503 and found)
    assert "nothing heard on /a" in text
    assert _ask(operator, "healthz") == (200, "ok\n")
    operator.says("Watches ended, restarting")  # kopf's own means did not help
    assert stall.held

    stall.on = False
    eventually(lambda: _ask(operator, "readyz")[0] == 200)
    eventually(lambda: here.told() and len(here.items("Deployment")) == 2)


def test_one_that_is_stopped_for_long_and_goes_on_is_not_called_stalled(
    lane: Any, world: Any
) -> None:
    one, here = lane(), world()
    operator = one.start("--no-leader-elect", "--watch-silence=6", f"--namespace={here.namespace}")
    operator.says("Caches synced")
    here.create("x")
    eventually(here.told)
    eventually(lambda: one.proxy.watches >= 3)
    operator.process.send_signal(signal.SIGSTOP)
    time.sleep(12)  # more than the 9 s after which a watch counts as stalled
    operator.process.send_signal(signal.SIGCONT)

    for _ in range(20):
        status, text = _ask(operator, "readyz")
        assert status == 200, text
        time.sleep(0.05)
    assert "Watches ended" not in operator.logs()


def test_it_ends_without_an_error_while_a_watch_waits_for_its_answer(lane: Any, world: Any) -> None:
    one, here, stall = lane(), world(), Stall()
    stall.on, one.proxy.on_request = True, stall.on_request
    operator = one.start("--no-leader-elect", f"--namespace={here.namespace}")
    eventually(lambda: stall.held >= 3)

    assert operator.stop() == 0
    assert "Traceback" not in operator.logs()
    assert "kopf left tasks behind" not in operator.logs()
