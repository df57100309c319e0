"""The status, as a pure function of what was observed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.api import v1
from helloworld_operator.controller import helloworlds
from helloworld_operator.controller import status as module
from helloworld_operator.controller.world import World
from kopfkit.controller import InvalidSpec, Problem, decode_spec, rollout
from kopfkit.controller.conditions import patch
from kopfkit.controller.images import Record
from kopfkit.controller.kinds import DEPLOYMENTS, SERVICES
from kopfkit.runtime.api.shapes import Shape, trim
from kopfkit.testing.reconcile import reconcile


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


def exposed(**change: Any) -> dict[str, Any]:
    port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}
    selector = {"app.kubernetes.io/name": "helloworld", "app.kubernetes.io/instance": "x"}
    spec = {"type": "ClusterIP", "selector": selector, "ports": [port], **change}
    return {"metadata": {"name": "x", "namespace": "ns"}, "spec": spec}


def world(owner: Any, spec: Any = None, children: Any = None, *told: Any, **more: Any) -> World:
    problems, troubles, waiting = (*told, *((), (), None)[len(told) :])
    found = {SERVICES: exposed(), **(children or {})}
    seen = World(owner, spec, found.get(DEPLOYMENTS), found[SERVICES], **more)
    seen.problems, seen.troubles, seen.waiting = list(problems), troubles, waiting
    return seen


def status(world: World) -> dict[str, Any]:
    """The status but for what the framework writes."""
    made, at = v1.Status(), module.rollout_of(world)
    module.fill(world, at, made)
    found: dict[str, Any] = msgspec.to_builtins(made)
    return found


def conditions(world: World) -> dict[str, tuple[str, str, str]]:
    found = module.conditions(world, module.rollout_of(world))
    return {kind: (str(state), reason, said) for kind, (state, reason, said) in found.items()}


def told(world: World) -> dict[str, tuple[str, str]]:
    return {kind: found[:2] for kind, found in conditions(world).items()}


def observed(replicas: int = 2, deployment: Any = None, **more: Any) -> World:
    told = (more.pop("problems", ()), more.pop("troubles", ()), more.pop("waiting", None))
    return world(hello(), v1.Spec(replicas=replicas), {DEPLOYMENTS: deployment}, *told, **more)


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
    service = exposed(ports=[{"name": "http", "port": 8000, "targetPort": "http"}])
    children = {DEPLOYMENTS: deployment(**full(2)), SERVICES: service}
    seen = world(hello(url="http://forged"), None, children, (problem,))

    assert told(seen)["Available"] == ("True", "MinimumReplicasAvailable")
    assert told(seen)["Degraded"] == ("True", "InvalidSpec")
    # By the Service there is, whatever the status said.
    assert status(seen)["url"] == "http://x.ns.svc:8000"
    seen.service = None
    assert "url" not in status(seen)


def test_a_patch_holds_the_uid_and_removes_what_is_no_longer_told() -> None:
    owner = hello(old="x")
    change = patch(owner, {"replicas": 1})

    assert change == {"metadata": {"uid": "u"}, "status": {"old": None, "replicas": 1}}


@pytest.mark.parametrize("junk", ["text", 3, ["x"], {"conditions": {"a": 1}}])
def test_a_junk_status_in_the_store_harms_nobody(junk: Any) -> None:
    found = reconcile(helloworlds.controller("i:1"), {**hello(), "status": junk})

    assert found.error is None
    assert found.status["observedGeneration"] == 4


def test_a_spec_of_which_only_a_part_was_read_is_not_acted_on() -> None:
    owner = {**hello(), "spec": {"greeting": {"message": "x" * 50_000}}}

    with pytest.raises(InvalidSpec, match="at most 32768 are read"):
        decode_spec(trim(owner, Shape()), v1.Spec)
    assert decode_spec(trim(hello(), Shape()), v1.Spec) == v1.Spec()


def test_it_waits_for_the_deployment_controller_but_not_for_pods_that_are_refused() -> None:
    assert not rollout(deployment(seen=False)).settled
    assert not rollout(deployment(replicas=1, updatedReplicas=1)).settled
    assert rollout(deployment(replicas=2, updatedReplicas=2)).settled
    assert rollout(deployment(conditions=QUOTA)).settled


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"replicas": "three"}, "spec.replicas: Expected int, got str"),
        ({"replicas": -1}, "spec.replicas: Expected int >= 0"),
        ({"greeting": []}, "spec.greeting: Expected object, got array"),
        ("junk", "spec: Expected object, got str"),
        # What the schema's rules refuse, and would become a header.
        ({"greeting": {"language": "en\r\nX: y"}}, "spec.greeting: language must be"),
        ({"greeting": {"language": "en\n"}}, "spec.greeting: language must be"),
    ],
)
def test_an_invalid_spec_is_named_by_field(spec: Any, text: str) -> None:
    with pytest.raises(InvalidSpec, match=text):
        decode_spec({**hello(), "spec": spec}, v1.Spec)


def _problems(words: str) -> st.SearchStrategy[tuple[Problem, ...]]:
    reasons = st.lists(st.sampled_from(["NameCollision", "Rejected", "RolledBack"]), max_size=2)
    return reasons.map(
        lambda found: tuple(
            Problem(reason, f"{words} number {number}") for number, reason in enumerate(found)
        )
    )


COUNTS = st.fixed_dictionaries(dict.fromkeys(full(0), st.integers(0, 3)))


@given(
    problems=_problems("an obstacle"),
    troubles=_problems("a pod that does not start"),
    waiting=st.none() | st.just(Problem("Restoring", "the volume is being restored")),
    counts=st.none() | COUNTS,
    states=st.sampled_from([[], STUCK, QUOTA, [*STUCK, *QUOTA]]),
    paused=st.booleans(),
    without_service=st.booleans(),
)
@budget(ci=500, soak=5000)
def test_each_sentence_stands_in_one_condition_and_the_others_say_in_which(
    problems: Any,
    troubles: Any,
    waiting: Any,
    counts: Any,
    states: Any,
    paused: bool,
    without_service: bool,
) -> None:
    live = deployment(**counts, conditions=states) if counts is not None else None
    if live is not None:
        live["spec"]["paused"] = paused
    children = {DEPLOYMENTS: live, **({SERVICES: None} if without_service else {})}
    seen = world(hello(), v1.Spec(replicas=2), children, problems, troubles, waiting)
    messages = {kind: each[2] for kind, each in conditions(seen).items()}

    everything = "\n".join(messages.values())
    said = [*(each.message for each in (*problems, *troubles)), "timed out", "exceeded quota"]
    said += ["the volume is being restored", "is paused (spec.paused)"]
    assert [each for each in said if everything.count(each) > 1] == []
    assert [each.message for each in problems if each.message not in everything] == []
    for message in messages.values():
        _, referred, kind = message.partition("see the condition ")
        assert not referred or messages[kind]


def recreated(wanted: int = 1, **numbers: Any) -> dict[str, Any]:
    made = deployment(wanted, **numbers)
    return {**made, "spec": {**made["spec"], "strategy": {"type": "Recreate"}}}


def test_pods_that_are_about_to_be_replaced_all_at_once_do_not_count_as_available() -> None:
    stale = {**full(1), "updatedReplicas": 0}

    assert told(observed(1, recreated(**stale)))["Available"][0] == "False"
    assert told(observed(1, recreated(seen=False, **full(1))))["Available"][0] == "False"
    assert told(observed(1, recreated(**full(1))))["Available"][0] == "True"
    # One after the other, the old ones stay until the new ones answer.
    assert told(observed(1, deployment(1, **stale)))["Available"][0] == "True"


def test_scaled_to_zero_is_told_at_once_though_pods_still_answer() -> None:
    result = told(observed(0, deployment(0, seen=False, **full(2))))

    assert result["Available"] == ("False", "ScaledToZero")
    assert result["Progressing"] == ("True", "RollingOut")


def test_an_autoscaler_decides_how_many_are_wanted() -> None:
    seen = observed(1, deployment(5, **full(5)))

    assert told(seen)["Progressing"] == ("False", "RolloutComplete")
    assert status(seen)["desiredReplicas"] == 5


def test_without_the_service_nothing_is_available() -> None:
    children = {DEPLOYMENTS: deployment(**full(2)), SERVICES: None}
    taken = Problem("NameCollision", "Service ns/x belongs to nobody")

    missing = told(world(hello(), v1.Spec(replicas=2), children))
    assert missing["Available"] == ("False", "NoService")
    foreign = told(world(hello(), v1.Spec(replicas=2), children, (taken,)))
    assert foreign["Available"] == ("False", "NameCollision")


def test_what_is_waited_for_is_progress() -> None:
    waiting = Problem("WaitingForSnapshot", "snapshot x-1 is being taken")
    result = told(world(hello(), v1.Spec(replicas=2), {DEPLOYMENTS: None}, (), (), waiting))

    assert result["Progressing"] == ("True", "WaitingForSnapshot")
    assert result["Available"] == ("False", "WaitingForSnapshot")
    assert result["Degraded"] == ("False", "AsExpected")


def test_why_pods_do_not_start_explains_what_is_missing() -> None:
    cause = Problem("ImageMissing", "image r/x:1 cannot be pulled: no")
    live = deployment(replicas=2, updatedReplicas=2, conditions=STUCK)
    seen = observed(deployment=live, troubles=(cause,))
    found = conditions(seen)

    assert told(seen)["Degraded"] == ("True", "ImageMissing")
    assert told(seen)["Progressing"] == ("False", "RolloutStuck")
    expected = "0 of 2 pods available: ImageMissing; see the condition Degraded"
    assert found["Available"][2] == expected


def test_a_quota_is_named_without_the_pod_that_met_it() -> None:
    words = 'pods "x-5c9-abcde" is forbidden: exceeded quota: tight, requested: pods=1'
    refusal = [{"type": "ReplicaFailure", "status": "True", "message": words}]
    other = [{**refusal[0], "message": 'pods "x-1" is forbidden: violates PodSecurity'}]
    seen = conditions(observed(deployment=deployment(conditions=refusal)))

    assert seen["Degraded"][2] == "pods are rejected: " + words.partition(": ")[2]
    assert told(observed(deployment=deployment(conditions=other)))["Degraded"][1] == "PodsRefused"


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        # What is wanted is kept back.
        ({**full(2), "updatedReplicas": 0}, "RolloutPaused"),
        ({**full(2), "updatedReplicas": 1, "replicas": 3}, "RolloutPaused"),
        # Nothing is: it is scaled all the same, and its pods may fail for another reason.
        (full(2), "RolloutComplete"),
        ({**full(2), "availableReplicas": 1}, "RollingOut"),
    ],
)
def test_a_paused_deployment_is_told_where_it_keeps_something_back(
    live: Any, expected: str
) -> None:
    made = deployment(**live)
    made["metadata"] |= {"namespace": "ns", "name": "x"}
    made["spec"]["paused"] = True
    seen = observed(deployment=made)
    found = conditions(seen)

    assert told(seen)["Progressing"][1] == expected
    assert (told(seen)["Degraded"][1] == "RolloutPaused") == (expected == "RolloutPaused")
    if expected == "RolloutPaused":
        assert rollout(made).settled
        hint = "kubectl rollout resume deployment x -n ns"
        assert hint in found["Degraded"][2]


def image(live: dict[str, Any], name: str) -> dict[str, Any]:
    pod = {"spec": {"containers": [{"name": "sidecar"}, {"name": "greeting", "image": name}]}}
    return {**live, "spec": {**live["spec"], "template": pod}}


def test_an_image_is_proven_by_pods_that_all_answer_with_it_or_by_what_is_planned() -> None:
    def now(live: dict[str, Any], good: str | None = None) -> Any:
        owner = hello(image="forged", rejectedImage="forged")
        children = {DEPLOYMENTS: image(live, "new")}
        seen = world(owner, v1.Spec(), children, record=Record(good))
        told = status(seen)
        assert "rejectedImage" not in told
        return told.get("image")

    assert now(deployment(2, **full(2)), "old") == "new"
    assert now(deployment(2, **full(1)), "old") == "old"
    assert now(deployment(0, **full(0)), "old") == "old"
    assert now(deployment(2, **full(1))) is None


@pytest.mark.parametrize(
    ("service", "says", "while_unknown"),
    [
        (exposed(), "", ""),
        (exposed(ports=[{"port": 80, "targetPort": 8080}]), "", ""),
        # While the spec is not understood, any port that leads to the pods will do.
        (exposed(ports=[{"port": 8888, "targetPort": "http"}]), "no port 80/TCP", ""),
        (
            exposed(ports=[{"port": 80, "protocol": "UDP", "targetPort": "http"}]),
            "no port 80/TCP",
            "no port of Service x leads to the pods",
        ),
        (
            exposed(ports=[{"port": 80, "targetPort": 9}]),
            "another port of the pods",
            "no port of Service x leads to the pods",
        ),
        (exposed(selector={"app": "other"}), "selects other pods", "selects other pods"),
        (exposed(type="ExternalName"), "ExternalName", "ExternalName"),
        (exposed(internalTrafficPolicy="Local"), "only on the nodes", "only on the nodes"),
        # Made again by somebody, who kept our owner reference.
        (exposed(clusterIP="None"), "headless", "headless"),
    ],
)
@pytest.mark.parametrize("understood", [True, False])
def test_available_is_what_the_service_leads_to(
    service: Any, says: str, while_unknown: str, understood: bool
) -> None:
    says = says if understood else while_unknown
    children = {DEPLOYMENTS: deployment(**full(2)), SERVICES: service}
    owner = hello(url="http://forged.example.com:8888")
    seen = world(owner, v1.Spec(replicas=2) if understood else None, children)
    found = conditions(seen)["Available"]
    assert found[0] == ("False" if says else "True")
    assert found[1] == ("ServiceDiffers" if says else "MinimumReplicasAvailable")
    assert says in found[2]


def test_the_url_names_nobody_elses_service() -> None:
    children = {DEPLOYMENTS: deployment(**full(2)), SERVICES: None}
    collision = Problem("NameCollision", "Service ns/x belongs to somebody else")
    for spec in (v1.Spec(replicas=2), None):
        owner = hello(url="http://x.ns.svc:80")
        new = status(world(owner, spec, children, (collision,)))
        assert "url" not in new
