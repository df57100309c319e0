"""Hostile objects in a real API server: LIST and watch go on for everybody, through both versions.

How many objects are written for each stored version, says KOPFKIT_HOSTILE_WRITES: 40 where it is
not set.
"""

import contextlib
import os
import random
from typing import Any

import pytest

from budgets import examples
from helloworld_operator.api import HELLOWORLD
from helloworld_operator.api.conversion import ANNOTATION, converter
from kopfkit.crd import custom_resource_definition
from kopfkit.testing.adversary import Adversary

CRD = custom_resource_definition(HELLOWORLD)
NAMES = ["v1", "v1alpha1"]
WRITES = int(os.environ.get("KOPFKIT_HOSTILE_WRITES") or examples(ci=12, soak=2000))
# Objects that are in the API server at once: some have a quarter of a megabyte of annotations.
BATCH = 100
APPLY = {"Content_Type": "application/apply-patch+yaml"}


@pytest.fixture(scope="module", params=NAMES)
def hello(request: Any, install: Any, start_webhook: Any) -> Any:
    """HelloWorld's CRD with our webhook, storing one version and then the other."""
    group = f"hostile-{request.param}.example.com"
    return install(group, conversion=start_webhook(group).conversion, storage=request.param)


def test_hostile_objects_fail_no_list_no_watch_and_no_apply_of_anybody(hello: Any) -> None:
    group = hello.resource.group
    adversary = Adversary(converter(group), {**CRD, "spec": {**CRD["spec"], "group": group}})
    for start in range(0, WRITES, BATCH):
        numbers = range(start, min(start + BATCH, WRITES))
        names = {f"h{number}" for number in numbers}
        for number in numbers:
            obj = adversary.seeded(number, f"h{number}")
            version = obj["apiVersion"].rpartition("/")[2]
            answer = hello.api("POST", hello.path(version), obj)
            assert answer.status == 201, f"object {number}: {answer.message[:500]}"
        for version in NAMES:
            listed = hello.get(version, "")
            assert {one["metadata"]["name"] for one in listed["items"]} == names
            watched(hello, version, names)
            for one in listed["items"]:
                judged(hello, version, one)
        for number in numbers:
            touched(hello, number)
        for version in NAMES:
            assert len(hello.get(version, "")["items"]) == len(names)
        hello.api("DELETE", hello.path("v1")).ok()


def watched(hello: Any, version: str, names: set[str]) -> None:
    """A watch from the beginning brings every object, and no error."""
    missing = set(names)
    with contextlib.closing(hello.api.watch(hello.path(version))) as events:
        for event in events:
            assert event["type"] == "ADDED", event
            missing.discard(event["object"]["metadata"]["name"])
            if not missing:
                break
    assert missing == set()


def judged(hello: Any, version: str, obj: Any) -> None:
    """Its content alone is one that the API server takes as new, and no status came with it."""
    assert "status" not in obj, obj["metadata"]["name"]
    fresh = hello.object(version, "judged", spec=obj.get("spec", {}))
    answer = hello.api("POST", hello.path(version) + "?dryRun=All", fresh)
    assert answer.status == 201, f"{obj['metadata']['name']}: {answer.message[:500]}"


def touched(hello: Any, number: int) -> None:
    """Everybody's usual writes pass: one manager applies through both versions, a status is
    written, a client writes back what it has read."""
    chance = random.Random(number)
    name = f"h{number}"
    first, second = chance.sample(NAMES, 2)
    message = {"v1": {"greeting": {"message": "Hi"}}, "v1alpha1": {"message": "Hi"}}
    for version, labels in ((first, {"a": "b"}), (second, {})):
        obj = hello.object(version, name, spec=message[version])
        obj["metadata"]["labels"] = labels
        path = f"{hello.path(version, name)}?fieldManager=gitops&force=true"
        passed(hello.api("PATCH", path, obj, **APPLY))
    status = {**hello.get(first, name), "status": {"replicas": 1}}
    passed(hello.api("PUT", hello.path(first, name, "status"), status))
    passed(hello.api("PUT", hello.path(second, name), hello.get(second, name)))
    if chance.random() < 0.2:
        bare = {"metadata": {"annotations": {ANNOTATION: None}}}
        merge = {"Content_Type": "application/merge-patch+json"}
        passed(hello.api("PATCH", hello.path(first, name), bare, **merge))
    assert hello.get(second, name)["status"] == {"replicas": 1}


def passed(answer: Any) -> None:
    assert answer.status < 300, answer.message[:500]
