"""Retries wait longer and longer, are one error in the log, and end with a change of the spec."""

from collections.abc import Callable
from typing import Any

from kopfkit.testing.waiting import eventually

# Tries after which the next one is at least LONG seconds away (0.2 s, doubled, less the jitter).
TRIES = 7
# Seconds of a delay that is long enough to be told from no delay on a busy machine.
LONG = 9.6


def test_a_spec_that_is_refused_is_one_error_in_the_log_and_its_change_is_not_kept_waiting(
    operator: Any, hello: Callable[..., Any]
) -> None:
    # The CRD cannot know it: a device that is requested needs a limit as well.
    one = hello("device", resources={"requests": {"example.com/device": "1"}})

    def tried() -> bool:
        writes = operator.writes(within=one.namespace)
        return sum(each.startswith("create deployments") for each in writes) >= TRIES

    eventually(tried)
    degraded = one.condition("Degraded")
    assert degraded["reason"] == "Rejected"
    assert "resources.limits" in degraded["message"]
    mine = [line for line in operator.logs().splitlines() if f"{one.namespace}/" in line]
    (failed,) = [line for line in mine if "Reconcile failed, retrying in" in line]
    assert (
        f" ERROR   HelloWorld {one.namespace}/{one.name} generation=1  Reconcile failed" in failed
    )

    one.api.patch(one.path, {"spec": {"resources": None}})

    eventually(one.deployment, timeout=LONG / 2)
    eventually(lambda: one.condition("Degraded")["status"] == "False")
