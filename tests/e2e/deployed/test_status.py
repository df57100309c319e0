"""What people and scripts see of a HelloWorld with real pods: `kubectl wait` as they type it, and a
reason that leads to the cause where pods do not come."""

import re
import time
from typing import Any

import pytest

from kopfkit.host.process import CommandFailed
from kopfkit.testing.waiting import eventually

# Seconds for a ReplicaSet to try again after a refusal: its backoff doubles with each try.
AGAIN = 300.0


def available(world: Any, name: str, timeout: str) -> None:
    """`kubectl wait`, as a person types it; CommandFailed when the time is over."""
    world.run("wait", "--for=condition=Available", f"hw/{name}", f"--timeout={timeout}")


def test_kubectl_wait_returns_when_the_greeting_is_answered(world: Any) -> None:
    world.create("hello", {"replicas": 1, "greeting": {"message": "Hi"}})
    available(world, "hello", "180s")
    assert world.greeting("hello")["message"] == "Hi"


def test_an_image_that_is_not_there_is_named_until_it_is_another(world: Any, variants: Any) -> None:
    world.create("hello", {"image": variants.missing})
    condition = world.becomes("hello", "Degraded", "True", "ImageMissing")
    assert variants.missing in condition["message"]
    with pytest.raises(CommandFailed, match="timed out waiting for the condition"):
        available(world, "hello", "2s")
    world.change("hello", {"image": variants.other})
    available(world, "hello", "180s")
    world.becomes("hello", "Degraded", "False", "AsExpected")


def test_a_broken_image_leaves_the_pods_that_answer(world: Any, variants: Any) -> None:
    world.create("hello", {"replicas": 1, "greeting": {"message": "Hi"}})
    available(world, "hello", "180s")
    world.change("hello", {"image": variants.broken})
    world.becomes("hello", "Degraded", "True", "PodsCrashing")
    assert world.condition("hello", "Available")["status"] == "True"
    assert world.greeting("hello")["message"] == "Hi"
    world.change("hello", {"image": None})
    world.becomes("hello", "Degraded", "False", "AsExpected")
    world.ready("hello", 1)


def test_an_exhausted_quota_is_told_and_the_pods_come_when_there_is_room(world: Any) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": world.namespace},
        "spec": {"hard": {"pods": "1"}},
    }
    world.api.create(quota)
    path = f"/api/v1/namespaces/{world.namespace}/resourcequotas/tight"
    eventually(lambda: world.api.get(path).get("status", {}).get("hard"))
    world.create("hello", {"replicas": 2})
    condition = world.becomes("hello", "Degraded", "True", "QuotaExceeded")
    assert "tight" in condition["message"]
    # One of two answers: the greeting is there, and something is wrong with the rest.
    available(world, "hello", "180s")
    world.api.patch(path, {"spec": {"hard": {"pods": "5"}}})
    eventually(lambda: world.ready("hello", 2), timeout=AGAIN)
    world.becomes("hello", "Degraded", "False", "AsExpected")


def test_pods_that_fit_on_no_node_are_told_with_the_schedulers_words(world: Any) -> None:
    world.create("hello", {"resources": {"requests": {"cpu": "1000"}}})
    condition = world.becomes("hello", "Degraded", "True", "Unschedulable")
    assert "Insufficient cpu" in condition["message"]
    world.change("hello", {"resources": None})
    available(world, "hello", "180s")
    world.becomes("hello", "Degraded", "False", "AsExpected")


def test_scaled_to_zero_is_not_available_and_not_degraded(world: Any) -> None:
    world.create("hello", {"replicas": 1})
    available(world, "hello", "180s")
    world.run("scale", "hw/hello", "--replicas=0")
    world.run("wait", "--for=condition=Available=False", "hw/hello", "--timeout=180s")
    world.run("wait", "--for=jsonpath={.status.replicas}=0", "hw/hello", "--timeout=180s")
    assert world.condition("hello", "Available")["reason"] == "ScaledToZero"
    assert world.condition("hello", "Degraded")["status"] == "False"


def test_a_condition_keeps_its_time_while_its_status_stays(world: Any) -> None:
    world.create("hello", {"replicas": 1})
    available(world, "hello", "180s")
    before = world.condition("hello", "Available")
    time.sleep(1.1)  # the times have whole seconds
    world.change("hello", {"replicas": 2, "greeting": {"message": "Ho"}})
    world.ready("hello", 2)
    after = world.condition("hello", "Available")
    assert after["observedGeneration"] > before["observedGeneration"]
    assert after["lastTransitionTime"] == before["lastTransitionTime"]


def test_kubectl_describe_tells_what_a_person_needs(world: Any, variants: Any) -> None:
    world.create("hello", {"image": variants.missing})
    world.becomes("hello", "Degraded", "True", "ImageMissing")
    told = world.run("describe", "hw", "hello")
    assert re.search(r"Reason:\s+ImageMissing", told)
    assert variants.missing in told

    def event() -> str:
        found = re.findall(r"Warning .*ImageMissing.*", world.run("describe", "hw", "hello"))
        assert len(found) == 1, "the same again is counted, not told again"
        return str(found[0])

    assert "helloworld-operator" in eventually(event)
