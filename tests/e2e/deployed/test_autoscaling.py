"""Autoscaling with Kubernetes' own controller and real measures: it decides how many pods there
are, and the operator keeps out of it."""

from collections.abc import Callable
from typing import Any

from kopfkit.testing.waiting import eventually

# Seconds until load becomes pods: two measures, and the autoscaler looks every 15 seconds.
SCALED = 180.0
# Fifty requests a second, each on a connection of its own: many times what a pod asks for.
LOAD = """
import sys, time, urllib.request
while True:
    time.sleep(0.02)
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5).read()
    except OSError:
        pass
"""


def test_load_makes_pods_that_the_operator_leaves_alone(
    world: Any, run_pod: Callable[..., None]
) -> None:
    scaling = {"minReplicas": 1, "maxReplicas": 2, "targetCPUUtilizationPercentage": 50}
    world.create("hello", {"replicas": 1, "autoscaling": scaling})
    world.ready("hello", 1)
    run_pod("load", LOAD, "http://hello/")
    eventually(lambda: world.ready("hello", 2), timeout=SCALED)
    # A change of something else must not set the number back.
    world.change("hello", {"greeting": {"message": "Hi"}})
    world.becomes("hello", "Progressing", "False", "RolloutComplete")
    assert world.child("deployments.apps", "hello")["spec"]["replicas"] == 2
    [_, row] = world.run("get", "hpa").splitlines()
    assert row.split()[:2] == ["hello", "Deployment/hello"]


def test_new_limits_reach_the_autoscaler(world: Any) -> None:
    world.create("hello", {"replicas": 1, "autoscaling": {"minReplicas": 2, "maxReplicas": 4}})
    world.ready("hello", 2)
    world.change("hello", {"autoscaling": {"minReplicas": 3}})
    world.ready("hello", 3)


def test_without_the_autoscaler_the_number_is_the_objects_again(world: Any) -> None:
    world.create("hello", {"replicas": 1, "autoscaling": {"minReplicas": 2, "maxReplicas": 2}})
    world.ready("hello", 2)
    world.change("hello", {"autoscaling": None})
    world.ready("hello", 1)
    assert world.run("get", "hpa", "--output=name").strip() == ""
