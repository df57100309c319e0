"""Every name and every message that the API server takes for a HelloWorld works.

The API server itself is asked whether what a HelloWorld's name becomes is a name for each kind of
child, and whether a message comes back as it was sent.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.api import SNAPSHOT
from helloworld_operator.controller.names import (
    child_name,
    claim_name,
    labels,
    selector_labels,
    snapshot_child_name,
)

# Each example is some requests to the API server.
few = budget(ci=15, soak=500)
NAMES = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?){0,2}", fullmatch=True
)
LONGEST = [
    "x" * 253,
    "0" * 253,
    "a." * 126 + "a",
    "a" + "-" * 251 + "z",
    ".".join(["y" * 63] * 3 + ["y" * 61]),
]
MESSAGES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=1024
)


@pytest.fixture(scope="module")
def hello(install: Any) -> Any:
    return install()


@pytest.fixture(scope="module")
def snapshot(install: Any) -> Any:
    return install(resource=SNAPSHOT)


def children(name: str) -> list[tuple[str, dict[str, Any]]]:
    """One object of each kind of child, with the collection's path: only names and labels count."""
    here = "namespaces/default"
    template = {
        "metadata": {"labels": labels(name)},
        "spec": {"containers": [{"name": "x", "image": "x"}], "restartPolicy": "Always"},
    }
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": child_name(name)}
    once = {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}
    made: list[tuple[str, str, str, str, dict[str, Any]]] = [
        (
            f"/apis/apps/v1/{here}/deployments",
            "apps/v1",
            "Deployment",
            child_name(name),
            {"selector": {"matchLabels": selector_labels(name)}, "template": template},
        ),
        (
            f"/api/v1/{here}/services",
            "v1",
            "Service",
            child_name(name),
            {"selector": selector_labels(name), "ports": [{"port": 80}]},
        ),
        (
            f"/apis/autoscaling/v2/{here}/horizontalpodautoscalers",
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            child_name(name),
            {"maxReplicas": 2, "scaleTargetRef": target},
        ),
        (
            f"/api/v1/{here}/persistentvolumeclaims",
            "v1",
            "PersistentVolumeClaim",
            claim_name(name),
            claim,
        ),
        (
            f"/api/v1/{here}/persistentvolumeclaims",
            "v1",
            "PersistentVolumeClaim",
            snapshot_child_name(name),
            claim,
        ),
        (
            f"/apis/batch/v1/{here}/jobs",
            "batch/v1",
            "Job",
            snapshot_child_name(name),
            {"template": once},
        ),
    ]
    return [
        (
            path,
            {
                "apiVersion": version,
                "kind": kind,
                "metadata": {"name": child, "labels": labels(name)},
                "spec": spec,
            },
        )
        for path, version, kind, child, spec in made
    ]


def accepted(api: Any, name: str) -> None:
    """Every child of that name is taken by the API server, without a warning."""
    for path, child in children(name):
        answer = api("POST", f"{path}?dryRun=All&fieldValidation=Strict", child)
        answer.ok()
        assert answer.warnings == []


@few
@given(NAMES)
def test_the_children_of_any_name_are_taken(raw_api: Any, name: str) -> None:
    accepted(raw_api, name)


@pytest.mark.parametrize("name", LONGEST, ids=lambda name: name[:8])
def test_names_of_253_characters_are_taken_and_so_are_their_children(
    hello: Any, snapshot: Any, raw_api: Any, name: str
) -> None:
    assert len(name) == 253
    hello.make("v1", name).ok()
    assert hello.get("v1", name)["spec"]["replicas"] == 1
    snapshot.make("v1", name, spec={"helloWorldName": name}).ok()
    accepted(raw_api, name)


@few
@given(name=NAMES, message=MESSAGES)
def test_any_message_comes_back_as_it_was_sent(
    hello: Any, raw_api: Any, name: str, message: str
) -> None:
    path = f"{hello.path('v1')}?dryRun=All"
    made = hello.api(
        "POST", path, hello.object("v1", name, spec={"greeting": {"message": message}})
    )
    assert made.ok()["spec"]["greeting"]["message"] == message
    # The way it goes to the pods.
    path, deployment = children(name)[0]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "GREETING_MESSAGE", "value": message}]
    made = raw_api("POST", f"{path}?dryRun=All", deployment).ok()
    assert made["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == message
