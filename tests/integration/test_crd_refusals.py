"""The API server says no early and kindly: each refusal names the field, the limit and the hint.

The last test holds the table complete: a rule that no row breaks is a rule nobody has seen refuse.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from kopfkit.crd import custom_resource_definition


@pytest.fixture(scope="module")
def hello(install: Any) -> Any:
    return install()


@pytest.fixture(scope="module")
def snapshot(install: Any) -> Any:
    return install(resource=SNAPSHOT)


LONG_NAME = "x" * 254
SIZE = {"size": "1Gi", "storageClassName": "fast"}
RESTORED = {"persistence": {}, "restoreFrom": {"snapshotName": "a"}}

# version, spec, field, sentence
REFUSALS: list[tuple[str, Any, str, str]] = [
    ("v1", {"replicas": 101}, "spec.replicas", "should be less than or equal to 100"),
    ("v1alpha1", {"size": 101}, "spec.size", "should be less than or equal to 100"),
    ("v1", {"replicas": -1}, "spec.replicas", "should be greater than or equal to 0"),
    ("v1alpha1", {"size": -1}, "spec.size", "should be greater than or equal to 0"),
    ("v1", {"replicas": "3"}, "spec.replicas", "must be of type integer"),
    ("v1", {"greeting": {"message": ""}}, "spec.greeting.message", "should be at least 1"),
    ("v1alpha1", {"message": ""}, "spec.message", "should be at least 1"),
    (
        "v1",
        {"greeting": {"message": "ü" * 1025}},
        "spec.greeting.message",
        "Too long: may not be more than 1024",
    ),
    ("v1alpha1", {"message": "x" * 1025}, "spec.message", "may not be more than 1024"),
    (
        "v1",
        {"greeting": {"message": "a\0b"}},
        "spec.greeting.message",
        "message must not contain the character NUL (U+0000): leave it out",
    ),
    ("v1alpha1", {"message": "\0"}, "spec.message", "must not contain the character NUL"),
    *(
        (
            version,
            {"image": image},
            "spec.image",
            "image must be an image reference such as registry.example.com/hello:1.0: the name in "
            "lower case, no spaces, no scheme like https://",
        )
        for version in ("v1", "v1alpha1")
        for image in ("https://a/b", "two words", "Hello:1", "-a", "a:", "a@sha256:12", "a//b")
    ),
    ("v1", {"image": "x" * 641}, "spec.image", "Too long: may not be more than 640"),
    (
        "v1",
        {"greeting": {"language": "e_n"}},
        "spec.greeting.language",
        "language must be a language tag such as en or zh-Hans",
    ),
    ("v1", {"service": {"port": 0}}, "spec.service.port", "greater than or equal to 1"),
    ("v1", {"service": {"port": 65536}}, "spec.service.port", "less than or equal to 65535"),
    (
        "v1",
        {"service": {"type": "None"}},
        "spec.service.type",
        'supported values: "ClusterIP", "LoadBalancer", "NodePort"',
    ),
    (
        "v1",
        {"resources": {"limits": {"cpu": "fast"}}},
        "spec.resources.limits[cpu]",
        "must be a quantity that is not negative, such as 500m, 2 or 128Mi",
    ),
    (
        "v1",
        {"resources": {"limits": {"cpu": -1}}},
        "spec.resources.limits[cpu]",
        "must be a quantity that is not negative",
    ),
    *(
        (
            "v1",
            {"resources": {kind: {"cpus": 1}}},
            f"spec.resources.{kind}",
            "must name cpu, memory, ephemeral-storage or a device such as example.com/gpu",
        )
        for kind in ("limits", "requests")
    ),
    (
        "v1",
        {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1023Mi"}}},
        "spec.resources.requests",
        "requests must not be greater than limits: lower the request or raise the limit",
    ),
    ("v1", {"autoscaling": {}}, "spec.autoscaling.maxReplicas", "Required value"),
    (
        "v1",
        {"autoscaling": {"maxReplicas": 101}},
        "spec.autoscaling.maxReplicas",
        "should be less than or equal to 100",
    ),
    (
        "v1",
        {"autoscaling": {"maxReplicas": 3, "minReplicas": 0}},
        "spec.autoscaling.minReplicas",
        "should be greater than or equal to 1",
    ),
    (
        "v1",
        {"autoscaling": {"maxReplicas": 3, "minReplicas": 4}},
        "spec.autoscaling.minReplicas",
        "minReplicas must not be greater than maxReplicas: lower the one or raise the other",
    ),
    (
        "v1",
        {"autoscaling": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 0}},
        "spec.autoscaling.targetCPUUtilizationPercentage",
        "should be greater than or equal to 1",
    ),
    (
        "v1",
        {"autoscaling": {"maxReplicas": 3}, "resources": {"limits": {"memory": "1Gi"}}},
        "spec.autoscaling",
        "autoscaling needs resources.requests.cpu, because utilization is a share of what is "
        "requested: add it, or remove resources to get the default",
    ),
    (
        "v1",
        {"replicas": 2, "persistence": {}},
        "spec.replicas",
        "replicas must be 0 or 1 with persistence, because one pod at a time writes to the volume: "
        "set replicas to 1 or remove persistence",
    ),
    (
        "v1",
        {"persistence": {}, "autoscaling": {"maxReplicas": 3}},
        "spec.autoscaling",
        "autoscaling cannot be had with persistence, because one pod at a time writes to the "
        "volume: remove one of the two",
    ),
    (
        "v1",
        {"snapshots": {}},
        "spec.snapshots",
        "snapshots needs persistence, there is no volume to copy: add persistence or remove "
        "snapshots",
    ),
    (
        "v1",
        {"restoreFrom": {"snapshotName": "a"}},
        "spec.restoreFrom",
        "restoreFrom needs persistence, there is no volume to restore to: add persistence or "
        "remove restoreFrom",
    ),
    ("v1", {"persistence": {"size": "64MB!"}}, "spec.persistence.size", "must be a quantity"),
    ("v1", {"persistence": {"size": 0}}, "spec.persistence.size", "size must be at least 1Mi"),
    ("v1", {"persistence": {"size": "1023Ki"}}, "spec.persistence.size", "at least 1Mi"),
    (
        "v1",
        {"persistence": {"storageClassName": "Fast!"}},
        "spec.persistence.storageClassName",
        "storageClassName must be the name of a StorageClass: lower case letters, digits, '-' and "
        "'.', at most 253 characters; kubectl get storageclass lists them",
    ),
    (
        "v1",
        {"persistence": {"storageClassName": LONG_NAME}},
        "spec.persistence.storageClassName",
        "Too long: may not be more than 253",
    ),
    *(
        (
            "v1",
            {"persistence": {}, "snapshots": {"schedule": schedule}},
            "spec.snapshots.schedule",
            "schedule must be @hourly, @daily, @weekly or the five fields minute (0-59), hour "
            "(0-23), day of month (1-31), month (1-12) and day of week (0-7) with one space "
            "between them, such as '30 2 * * *'",
        )
        for schedule in ("daily", "@reboot", "60 2 * * *", "* 24 * * *", "30 2 * *", "0 0 0 * *")
    ),
    (
        "v1",
        {"persistence": {}, "snapshots": {"keep": 0}},
        "spec.snapshots.keep",
        "should be greater than or equal to 1",
    ),
    (
        "v1",
        {"persistence": {}, "snapshots": {"keep": 51}},
        "spec.snapshots.keep",
        "should be less than or equal to 50",
    ),
    (
        "v1",
        {"persistence": {}, "restoreFrom": {}},
        "spec.restoreFrom.snapshotName",
        "Required value",
    ),
    (
        "v1",
        {"persistence": {}, "restoreFrom": {"snapshotName": "Last night"}},
        "spec.restoreFrom.snapshotName",
        "snapshotName must be the name of a HelloWorldSnapshot: lower case letters, digits, '-' "
        "and '.', at most 253 characters; kubectl get hws lists them",
    ),
]

SNAPSHOT_REFUSALS: list[tuple[Any, str, str]] = [
    ({}, "spec.helloWorldName", "Required value"),
    (
        {"helloWorldName": "Hello World"},
        "spec.helloWorldName",
        "helloWorldName must be the name of a HelloWorld: lower case letters, digits, '-' and '.', "
        "at most 253 characters; kubectl get hw lists them",
    ),
    ({"helloWorldName": LONG_NAME}, "spec.helloWorldName", "Too long: may not be more than 253"),
    ({"helloWorldName": "a", "size": "1Ki"}, "spec.size", "size must be at least 1Mi"),
    ({"helloWorldName": "a", "size": "big"}, "spec.size", "must be a quantity"),
    (
        {"helloWorldName": "a", "storageClassName": "A"},
        "spec.storageClassName",
        "storageClassName must be the name of a StorageClass",
    ),
]

# what is stored, what is then wished, field, sentence
CHANGES: list[tuple[Any, Any, str, str]] = [
    (
        {"persistence": SIZE},
        {"persistence": {**SIZE, "size": "1023Mi"}},
        "spec.persistence.size",
        "size cannot be made smaller, volumes only grow; for a smaller one take a snapshot, and "
        "restore it in a new HelloWorld",
    ),
    (
        {"persistence": {"size": 2**21}},
        {"persistence": {"size": "1Mi"}},
        "spec.persistence.size",
        "size cannot be made smaller",
    ),
    *(
        (
            {"persistence": before},
            {"persistence": after},
            "spec.persistence.storageClassName",
            "storageClassName cannot be changed, a volume keeps its class; take a snapshot, and "
            "restore it in a new HelloWorld with the other class",
        )
        for before, after in (
            (SIZE, {**SIZE, "storageClassName": "slow"}),
            (SIZE, {"size": "1Gi"}),
            ({"size": "1Gi"}, SIZE),
        )
    ),
    (
        RESTORED,
        {"persistence": {}, "restoreFrom": {"snapshotName": "b"}},
        "spec.restoreFrom.snapshotName",
        "snapshotName cannot be changed: a volume is restored once, while it is empty; remove "
        "restoreFrom, or restore in a new HelloWorld",
    ),
]
SNAPSHOT_CHANGE = (
    {"helloWorldName": "a"},
    {"helloWorldName": "b"},
    "spec",
    "spec of a snapshot cannot be changed, it is taken once: make another HelloWorldSnapshot",
)


def refused(answer: Any, field: str, sentence: str) -> None:
    """It is refused, at that field, with that sentence, and with no other fault beside it."""
    assert answer.status == 422, answer.body
    causes = answer.body["details"]["causes"]
    found = [cause["message"] for cause in causes if cause["field"] == field]
    assert any(sentence in message for message in found), causes
    # The check of the scale subresource names the same field with a dot before it; and the API
    # server adds, without a field, that it looked no further where the form is wrong.
    assert {cause["field"] for cause in causes} <= {field, f".{field}", "<nil>"}, causes


@pytest.mark.parametrize(("version", "spec", "field", "sentence"), REFUSALS)
def test_nonsense_is_refused_with_a_sentence(
    hello: Any, version: str, spec: Any, field: str, sentence: str
) -> None:
    refused(hello.make(version, "bad", spec=spec), field, sentence)


@pytest.mark.parametrize(("spec", "field", "sentence"), SNAPSHOT_REFUSALS)
def test_a_nonsense_snapshot_is_refused_with_a_sentence(
    snapshot: Any, spec: Any, field: str, sentence: str
) -> None:
    refused(snapshot.make("v1", "bad", spec=spec), field, sentence)


def changed(installed: Any, name: str, before: Any, after: Any) -> Any:
    """The answer to changing the spec of a stored object."""
    made = installed.make("v1", name, spec=before).ok()
    return installed.api("PUT", installed.path("v1", name), {**made, "spec": after})


@pytest.mark.parametrize(("before", "after", "field", "sentence"), CHANGES)
def test_a_change_that_cannot_be_made_is_refused_with_a_sentence(
    hello: Any, request: Any, before: Any, after: Any, field: str, sentence: str
) -> None:
    name = f"change-{request.node.callspec.indices['before']}"
    refused(changed(hello, name, before, after), field, sentence)


def test_a_snapshot_is_never_changed(snapshot: Any) -> None:
    before, after, field, sentence = SNAPSHOT_CHANGE
    refused(changed(snapshot, "taken", before, after), field, sentence)
    # The same under another spelling is no change.
    snapshot.make("v1", "again", spec={"helloWorldName": "a", "size": "1Gi"}).ok()
    snapshot.put("v1", snapshot.get("v1", "again"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"persistence": SIZE}, {"persistence": {**SIZE, "size": "1025Mi"}}),
        ({"persistence": SIZE}, {"persistence": {**SIZE, "size": 2**30}}),
        ({"persistence": SIZE}, {}),
        ({}, RESTORED),
        (RESTORED, {"persistence": {}}),
        ({"replicas": 9, "autoscaling": {"maxReplicas": 9}}, {"persistence": {}}),
    ],
)
def test_a_change_that_can_be_made_is_taken(
    hello: Any, request: Any, before: Any, after: Any
) -> None:
    changed(hello, f"fine-{request.node.callspec.indices['before']}", before, after).ok()


@pytest.mark.parametrize(
    ("version", "spec"),
    [
        ("v1", {"greeting": {"message": "你" * 1024, "language": "zh-Hans"}}),
        ("v1alpha1", {"message": "你" * 1024, "size": 100}),
        ("v1", {"greeting": {"message": "👋🏽 שלום\n\t\x01 \U0010ffff"}}),
        ("v1", {"resources": {"limits": {"cpu": 1, "memory": "1.5Gi"}, "requests": {"cpu": "1m"}}}),
        ("v1", {"resources": {"requests": {"cpu": 1}, "limits": {"cpu": "1000m"}}}),
        ("v1", {"resources": {"limits": {"example.com/gpu": 1}}}),
        ("v1", {"image": "registry.example.com:5000/a/b@sha256:" + "0" * 64}),
        ("v1", {"image": "[::1]:5000/a__b/c.d-e:V1_0"}),
        ("v1", {"image": "hello"}),
        ("v1", {"service": {"type": "NodePort", "port": 65535}}),
        ("v1", {"autoscaling": {"maxReplicas": 1}, "replicas": 50}),
        ("v1", {"autoscaling": {"maxReplicas": 9}, "resources": {"limits": {"cpu": 1}}}),
        ("v1", {"persistence": {"size": 2**20, "storageClassName": "a.b-c"}, "replicas": 0}),
        ("v1", {"persistence": {}, "snapshots": {"schedule": "*/5 0-8,22 1,15 JAN-MAR/2 MON"}}),
        ("v1", {"persistence": {}, "snapshots": {"schedule": "@weekly", "keep": 50}}),
        ("v1", {"persistence": {}, "restoreFrom": {"snapshotName": "x" * 253}}),
    ],
)
def test_what_makes_sense_is_taken(hello: Any, version: str, spec: Any) -> None:
    path = f"{hello.path(version)}?dryRun=All&fieldValidation=Strict"
    hello.api("POST", path, hello.object(version, "good", spec=spec)).ok()


def rules(schema: Any) -> Iterator[str]:
    """The messages of every rule in a schema."""
    if isinstance(schema, dict):
        for rule in schema.get("x-kubernetes-validations", []):
            yield rule["message"]
        for inner in schema.values():
            yield from rules(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from rules(inner)


def test_every_rule_refuses_in_one_of_these_tests() -> None:
    seen = {row[-1] for row in (*REFUSALS, *SNAPSHOT_REFUSALS, *CHANGES, SNAPSHOT_CHANGE)}
    known = {
        message
        for resource in (HELLOWORLD, SNAPSHOT)
        for message in rules(custom_resource_definition(resource)["spec"]["versions"])
    }
    assert known - seen == set()
