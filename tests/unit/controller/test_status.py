"""The status, as a pure function of what was observed."""

from typing import Any

import pytest

from helloworld_operator.api import v1
from helloworld_operator.controller.observe import DEPLOYMENTS, spec_of
from helloworld_operator.controller.observed import Observed, Problem
from helloworld_operator.controller.status import patch, status, unsettled
from helloworld_operator.errors import InvalidSpec

THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def hello(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "x", "namespace": "ns", "uid": "u", "generation": 4},
        "spec": {},
        **({"status": status} if status else {}),
    }


def deployment(wanted: int = 2, seen: bool = True, **numbers: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "x", "namespace": "ns", "generation": 7},
        "spec": {"replicas": wanted},
        "status": {"observedGeneration": 7 if seen else 6, **numbers},
    }


def full(count: int) -> dict[str, int]:
    names = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
    return dict.fromkeys(names, count)


def told(observed: Observed) -> dict[str, tuple[str, str]]:
    conditions = status(observed, NOW)["conditions"]
    return {item["type"]: (item["status"], item["reason"]) for item in conditions}


def observed(replicas: int = 2, deployment: Any = None, **more: Any) -> Observed:
    return Observed(hello(), v1.Spec(replicas=replicas), {DEPLOYMENTS: deployment}, **more)


STUCK = [{"type": "Progressing", "status": "False", "message": "timed out"}]
QUOTA = [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]


@pytest.mark.parametrize(
    ("live", "available", "progressing", "degraded"),
    [
        (
            deployment(**full(2)),
            "True MinimumReplicasAvailable",
            "False RolloutComplete",
            "False AsExpected",
        ),
        (
            deployment(seen=False),
            "False NoReplicasAvailable",
            "True RollingOut",
            "False AsExpected",
        ),
        (
            deployment(**{**full(2), "updatedReplicas": 1}),
            "True MinimumReplicasAvailable",
            "True RollingOut",
            "False AsExpected",
        ),
        (
            deployment(**{**full(2), "replicas": 3}),
            "True MinimumReplicasAvailable",
            "True RollingOut",
            "False AsExpected",
        ),
        (
            deployment(replicas=2, updatedReplicas=2, conditions=STUCK),
            "False NoReplicasAvailable",
            "False RolloutStuck",
            "True RolloutStuck",
        ),
        (
            deployment(**{**full(2), "updatedReplicas": 1}, conditions=STUCK),
            "True MinimumReplicasAvailable",
            "False RolloutStuck",
            "True RolloutStuck",
        ),
        (
            deployment(conditions=QUOTA),
            "False NoReplicasAvailable",
            "True RollingOut",
            "True QuotaExceeded",
        ),
        (None, "False NoReplicasAvailable", "True RollingOut", "False AsExpected"),
    ],
    ids=["ready", "unseen", "rolling", "old pods", "stuck", "stuck update", "quota", "none yet"],
)
def test_conditions_follow_the_rollout(
    live: Any, available: str, progressing: str, degraded: str
) -> None:
    result = told(observed(deployment=live))

    assert " ".join(result["Available"]) == available
    assert " ".join(result["Progressing"]) == progressing
    assert " ".join(result["Degraded"]) == degraded


def test_scaled_to_zero_is_neither_available_nor_degraded() -> None:
    assert told(observed(0, deployment=deployment(0))) == {
        "Available": ("False", "ScaledToZero"),
        "Progressing": ("False", "RolloutComplete"),
        "Degraded": ("False", "AsExpected"),
    }


def test_a_problem_is_told_while_the_pods_there_are_keep_answering() -> None:
    problem = Problem("InvalidSpec", "spec.replicas: no")
    seen = Observed(hello(url="http://old"), None, {DEPLOYMENTS: deployment(**full(2))}, (problem,))

    assert told(seen)["Available"] == ("True", "MinimumReplicasAvailable")
    assert told(seen)["Degraded"] == ("True", "InvalidSpec")
    assert status(seen, NOW)["url"] == "http://old"


def test_a_transition_time_moves_only_with_the_status() -> None:
    old = status(observed(deployment=deployment(**full(1))), THEN)
    owner = hello(**old)
    ready = Observed(owner, v1.Spec(replicas=2), {DEPLOYMENTS: deployment(**full(2))})
    new = {item["type"]: item for item in status(ready, NOW)["conditions"]}

    # Still available, with another message; no longer progressing.
    assert new["Available"]["lastTransitionTime"] == THEN
    assert new["Available"]["message"] == "2 of 2 pods available"
    assert new["Progressing"]["lastTransitionTime"] == NOW


def test_an_unchanged_status_is_not_written() -> None:
    owner = hello(**status(observed(deployment=deployment(**full(2))), THEN))
    again = status(Observed(owner, v1.Spec(replicas=2), {DEPLOYMENTS: deployment(**full(2))}), NOW)

    assert patch(owner, again) is None


def test_a_patch_holds_the_uid_and_removes_what_is_no_longer_told() -> None:
    owner = hello(old="x")
    change = patch(owner, {"replicas": 1})

    assert change == {"metadata": {"uid": "u"}, "status": {"old": None, "replicas": 1}}


def test_conditions_of_others_are_kept() -> None:
    foreign = {"type": "Audited", "status": "True", "reason": "R", "lastTransitionTime": THEN}
    owner = hello(conditions=[foreign, "junk"])

    assert foreign in status(Observed(owner, v1.Spec()), NOW)["conditions"]


@pytest.mark.parametrize("junk", ["text", 3, ["x"], {"conditions": {"a": 1}}])
def test_a_junk_status_in_the_store_harms_nobody(junk: Any) -> None:
    owner = {**hello(), "status": junk}

    assert status(Observed(owner, v1.Spec()), NOW)["observedGeneration"] == 4


def test_it_waits_for_the_deployment_controller_but_not_for_pods_that_are_refused() -> None:
    assert unsettled(observed(deployment=deployment(seen=False)))
    assert unsettled(observed(deployment=deployment(replicas=1, updatedReplicas=1)))
    assert not unsettled(observed(deployment=deployment(replicas=2, updatedReplicas=2)))
    assert not unsettled(observed(deployment=deployment(conditions=QUOTA)))
    assert not unsettled(observed())


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"replicas": "three"}, "spec.replicas: Expected int, got str"),
        ({"replicas": -1}, "spec.replicas: Expected int >= 0"),
        ({"greeting": []}, "spec.greeting: Expected object, got array"),
        ("junk", "spec: Expected object, got str"),
    ],
)
def test_an_invalid_spec_is_named_by_field(spec: Any, text: str) -> None:
    with pytest.raises(InvalidSpec, match=text):
        spec_of({**hello(), "spec": spec})
