"""Names and help of the metrics, by Prometheus' own conventions."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiohttp

from helloworld_operator.insight import Insight
from kopfkit.cluster import ports
from kopfkit.runtime.store import Store


async def test_promtool_has_no_objection_to_any_metric(promtool: Callable[..., str]) -> None:
    (port,) = ports.free(1)
    insight, store = Insight(port), Store()
    condition = {"type": "Ready", "status": "True", "reason": "Ready"}
    store.put({"metadata": {"namespace": "a", "name": "b"}, "status": {"conditions": [condition]}})
    silent: Any = SimpleNamespace(observers=[], sent=0, dropped=0)
    insight.client(silent)
    insight.queue("helloworld")
    insight.stores({"HelloWorld": store}, 10)
    insight.watches({"/apis/x": 0.0})
    insight.leader(lambda: True)
    insight.events(silent)
    insight.migration(lambda: None)
    insight.conversion(("v1", "v1alpha1"))
    await insight.start()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as reply,
        ):
            text = await reply.text()
    finally:
        await insight.stop()

    assert promtool("check", "metrics", "--lint=all", stdin=text) == ""
