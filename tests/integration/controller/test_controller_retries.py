"""Retries wait longer and longer, and a change of the spec ends the wait at once."""

import re
from collections.abc import Callable
from typing import Any

from kopfkit.testing.waiting import eventually

# Seconds of a delay that is long enough to be told from no delay on a busy machine.
LONG = 10.0


def test_a_change_of_the_spec_is_not_kept_waiting_by_the_retries_before_it(
    operator: Any, hello: Callable[..., Any]
) -> None:
    # The CRD cannot know it: a device that is requested needs a limit as well.
    one = hello("device", resources={"requests": {"example.com/device": "1"}})

    def delays() -> list[float]:
        failed = [line for line in operator.logs().splitlines() if f"{one.namespace}/" in line]
        return [float(n) for line in failed for n in re.findall(r"again in ([\d.]+) s", line)]

    eventually(lambda: max(delays(), default=0.0) >= LONG)
    assert one.condition("Degraded")["reason"] == "Rejected"
    assert "resources.limits" in one.condition("Degraded")["message"]

    one.api.patch(one.path, {"spec": {"resources": None}})

    eventually(one.deployment, timeout=LONG / 2)
    eventually(lambda: one.condition("Degraded")["status"] == "False")
