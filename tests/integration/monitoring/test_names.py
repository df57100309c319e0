"""Names and help of the metrics, by Prometheus' own conventions."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiohttp

from helloworld_operator.identity import IDENTITY
from kopfkit.controller.telemetry import Telemetry
from kopfkit.host import ports
from kopfkit.runtime.manager.store import Store


async def test_promtool_has_no_objection_to_any_metric(promtool: Callable[..., str]) -> None:
    (port,) = ports.free(1)
    telemetry, store = Telemetry(IDENTITY, port), Store()
    condition = {"type": "Ready", "status": "True", "reason": "Ready"}
    store.put({"metadata": {"namespace": "a", "name": "b"}, "status": {"conditions": [condition]}})
    silent: Any = SimpleNamespace(observers=[], sent=0, dropped=0)
    telemetry.client(silent)
    telemetry.queue("helloworld")
    telemetry.stores({"HelloWorld": store}, 10)
    telemetry.watches({"/apis/x": 0.0})
    telemetry.leader(lambda: True)
    telemetry.events(silent)
    telemetry.migration(lambda: None)
    telemetry.conversion(("v1", "v1alpha1"))
    await telemetry.start()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as reply,
        ):
            text = await reply.text()
    finally:
        await telemetry.stop()

    assert promtool("check", "metrics", "--lint=all", stdin=text) == ""
