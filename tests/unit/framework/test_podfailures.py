"""Why pods do not start, from what kubelet and scheduler write; and how often they are read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.controller import Problem
from kopfkit.controller.kinds import PODS
from kopfkit.controller.podfailures import failures, refusal, refused
from kopfkit.controller.podreader import PodReader
from kopfkit.runtime.api.client import Client, Resource
from kopfkit.runtime.api.errors import Forbidden, Invalid

BACK_OFF = 'Back-off pulling image "r/x:1": ErrImagePull: r/x:1: not found'


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"name": "greeting", "image": "r/x:1", "ready": False, "state": state, **more}


def pod(*containers: Any, name: str = "x-1", template: str = "a", **more: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "labels": {"pod-template-hash": template},
        "creationTimestamp": more.pop("created", "2026-01-01T00:00:00Z"),
    }
    if more.pop("leaving", False):
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata, "status": {"containerStatuses": list(containers), **more}}


def ended(code: int, **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, **more}}


def unschedulable(message: str) -> list[dict[str, str]]:
    return [{"type": "PodScheduled", "reason": "Unschedulable", "message": message}]


CRASHED = {"lastState": ended(137, reason="OOMKilled"), "ready": False}


@pytest.mark.parametrize(
    ("found", "reason", "text"),
    [
        (waiting("ErrImagePull", "r/x:1: not found"), "ImageMissing", "r/x:1: not found"),
        (waiting("ImagePullBackOff", BACK_OFF), "ImageMissing", "r/x:1: not found"),
        (waiting("InvalidImageName"), "ImageMissing", "InvalidImageName"),
        (waiting("CreateContainerError", "no such user"), "ContainerRefused", "no such user"),
        (waiting("CrashLoopBackOff", "back-off", **CRASHED), "PodsCrashing", "OOMKilled, exit"),
        ({"name": "greeting", "state": {"running": {}}, **CRASHED}, "PodsCrashing", "137"),
        ({"name": "greeting", "state": ended(2, reason="Error")}, "PodsCrashing", "exit code 2"),
    ],
)
def test_what_the_kubelet_says_becomes_a_reason_and_a_cause(
    found: Any, reason: str, text: str
) -> None:
    (problem,) = failures([pod(found)], None)

    assert problem.reason == reason
    assert text in problem.message


def test_the_kubelets_two_ways_to_say_one_thing_are_one_message() -> None:
    first = failures([pod(waiting("ErrImagePull", "r/x:1: not found"))], None)

    assert failures([pod(waiting("ImagePullBackOff", BACK_OFF))], None) == first


@pytest.mark.parametrize(
    "found",
    [
        waiting("ContainerCreating"),
        waiting("PodInitializing"),
        {"name": "greeting", "ready": True, "state": {"running": {}}, "lastState": ended(1)},
        {"name": "restore", "state": ended(0, reason="Completed")},
        {"name": "greeting", "state": {"running": {}}},
    ],
)
def test_what_goes_well_or_has_just_begun_is_no_trouble(found: Any) -> None:
    assert failures([pod(found)], None) == ()


def test_pods_on_their_way_out_do_not_count() -> None:
    bad = waiting("ErrImagePull", "no")
    old = pod(bad, name="x-0", template="b", created="2025-01-01T00:00:00Z")

    assert failures([old, pod()], None) == ()
    assert failures([pod(bad, leaving=True)], None) == ()
    assert failures([], None) == ()


def test_many_pods_with_the_same_trouble_are_one_and_the_gravest_is_first() -> None:
    lost = pod(name="x-9", conditions=unschedulable("0/1 nodes are available"))
    bad = [pod(waiting("ErrImagePull", "no"), name=f"x-{number}") for number in range(3)]

    assert [each.reason for each in failures([lost, *bad], None)] == [
        "ImageMissing",
        "Unschedulable",
    ]


def test_a_volume_that_is_not_there_is_told_by_its_claim() -> None:
    said = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    stuck = pod(conditions=unschedulable(said))
    claim = {"metadata": {"name": "x-data"}, "status": {"phase": "Pending"}}
    (pending,) = failures([stuck], claim)
    (bound,) = failures([stuck], {**claim, "status": {"phase": "Bound"}})

    assert pending.reason == "VolumePending"
    assert "x-data" in pending.message
    assert bound.reason == "Unschedulable"


class Cluster(Client):
    """A client that lists given pods and counts how often."""

    def __init__(self, *pods: Any) -> None:
        self.pods, self.reads = pods, 0
        self.forbidden = False

    async def list(self, resource: Resource, *_: Any, **more: Any) -> Any:
        assert resource == PODS.resource
        assert more["labels"] == "app=x"
        self.reads += 1
        if self.forbidden:
            raise Forbidden("no")
        return list(self.pods), "1"


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def seen(
    available: int = 0, name: str = "x", generation: int = 1, made: int = 0, **status: Any
) -> tuple[Any, Any]:
    owner = {
        "metadata": {"name": name, "namespace": "ns", "generation": generation},
        "status": status,
    }
    numbers = dict.fromkeys(
        ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), available
    )
    if made:
        numbers |= {"replicas": made, "updatedReplicas": made}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}}
    deployment = {"metadata": {"generation": 1}, "spec": spec}
    live = {**deployment, "status": {"observedGeneration": 1, **numbers}}
    return owner, live


async def test_pods_are_read_after_some_patience_and_then_ever_more_rarely() -> None:
    cluster, time = Cluster(pod(waiting("ErrImagePull", "no"))), Time()
    pods = PodReader(cluster, clock=time)
    told, again = await pods.failures(*seen())
    assert (told, cluster.reads) == ((), 0)
    waits = []
    for _ in range(6):
        assert again is not None
        time.now += again
        told, again = await pods.failures(*seen())
        assert [each.reason for each in told] == ["ImageMissing"]
        waits.append(again)

    assert cluster.reads == 6
    assert waits == sorted(waits)
    assert waits[-1] == 30
    # News in between does not read again.
    assert (await pods.failures(*seen()))[0] == told
    assert cluster.reads == 6


async def test_pods_in_which_nothing_is_wrong_yet_are_read_once_a_minute() -> None:
    # An image that takes minutes to be pulled, and then does not run: no Deployment tells.
    cluster, time = Cluster(pod(waiting("ContainerCreating"))), Time()
    pods = PodReader(cluster, clock=time)
    _, again = await pods.failures(*seen())
    while time.now < 600:
        assert again is not None
        time.now += again
        told, again = await pods.failures(*seen())
        assert told == ()

    assert again == 60
    assert cluster.reads <= 13
    cluster.pods = (pod(waiting("CrashLoopBackOff", "back-off", **CRASHED)),)
    time.now += again
    told, again = await pods.failures(*seen())
    assert ([each.reason for each in told], again) == (["PodsCrashing"], 5)


async def test_what_becomes_of_the_deployment_begins_the_patience_anew() -> None:
    cluster, time = Cluster(), Time()
    pods = PodReader(cluster, clock=time)
    _, again = await pods.failures(*seen())
    for _ in range(4):  # its controller is away: there is no pod
        assert again is not None
        time.now += again
        _, again = await pods.failures(*seen())
    assert again == 60
    cluster.pods = (pod(waiting("ErrImagePull", "no")),)

    assert await pods.failures(*seen(made=1)) == ((), 5)
    time.now += 5
    told, _ = await pods.failures(*seen(made=1))
    assert [each.reason for each in told] == ["ImageMissing"]


async def test_a_rollout_that_is_complete_reads_nothing_and_starts_afresh() -> None:
    cluster, time = Cluster(), Time()
    pods = PodReader(cluster, clock=time)
    await pods.failures(*seen())
    time.now = 100
    assert await pods.failures(*seen(available=1)) == ((), None)
    await pods.failures(*seen())

    assert cluster.reads == 0


async def test_what_was_told_before_a_restart_holds_until_the_pods_are_read() -> None:
    condition = {
        "type": "Degraded",
        "status": "True",
        "reason": "ImageMissing",
        "message": "image r/x:1 cannot be pulled: no",
        "observedGeneration": 1,
    }
    cluster, time = Cluster(pod(waiting("ErrImagePull", "no"))), Time()
    pods = PodReader(cluster, clock=time)
    told, _ = await pods.failures(*seen(conditions=[condition]))

    # Read at once, and the same: no write.
    assert cluster.reads == 1
    assert told == (Problem("ImageMissing", condition["message"]),)
    # Of an older generation it says nothing.
    pods = PodReader(cluster, clock=time)
    assert (await pods.failures(*seen(generation=2, conditions=[condition])))[0] == ()


async def test_a_thousand_in_trouble_are_read_a_few_times_a_second_each_in_its_turn() -> None:
    cluster, time = Cluster(), Time()
    pods = PodReader(cluster, clock=time)
    many = [seen(name=f"x{number}") for number in range(1000)]
    for each in many:
        await pods.failures(*each)
    time.now = 10.0
    turns = [(await pods.failures(*each))[1] for each in many]
    assert cluster.reads == 20
    # Nobody comes back before its turn, and then it is served.
    assert turns[20:] == pytest.approx([0.2 * number for number in range(1, 981)])
    for each in many:
        await pods.failures(*each)
    # Nor does what its Deployment tells give its turn away.
    for number in range(20, 1000):
        await pods.failures(*seen(name=f"x{number}", made=1))
    assert cluster.reads == 20
    time.now = 10.0 + 980 * 0.2
    for number in range(20, 1000):
        await pods.failures(*seen(name=f"x{number}", made=1))
    assert cluster.reads == 1000


async def test_without_the_right_to_read_pods_less_is_told_and_nothing_fails() -> None:
    cluster, time = Cluster(), Time()
    cluster.forbidden = True
    pods = PodReader(cluster, clock=time)
    await pods.failures(*seen())
    time.now = 10.0

    assert (await pods.failures(*seen()))[0] == ()
    assert cluster.reads == 1


@given(
    st.dictionaries(st.text(min_size=1), st.text(), min_size=1),
    st.sampled_from([Invalid, Forbidden]),
)
@budget(ci=50, soak=1000)
def test_no_object_that_the_api_server_quotes_comes_into_a_condition(
    quoted: dict[str, str], kind: type[Invalid] | type[Forbidden]
) -> None:
    text = f"spec.securityContext: Invalid value: {json.dumps(quoted)}: may not be set"
    for problem in (refused("Deployment", kind(text)), refusal(f'pods "x-1" is forbidden: {text}')):
        assert problem is not None
        assert problem.message.endswith(
            "spec.securityContext: Invalid value: {...}: may not be set"
        )
