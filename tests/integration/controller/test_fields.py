"""Every field that the API server knows of a child is set by us, undone, or stays for a reason.

A release of Kubernetes with a new field fails here: docs/reference/repair.md has to say what
becomes of it, and the rules to agree.
"""

import copy
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.api import v1
from helloworld_operator.controller import desired, volumes
from helloworld_operator.controller.desired import Desired
from helloworld_operator.controller.helloworlds import controller
from kopfkit.runtime.api.contradictions import contradictions
from kopfkit.runtime.api.fields import differences
from kopfkit.testing.client import Api, ApiError

from .fields import Schemas

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "repair.md"
GROUPS = ("api/v1", "apis/apps/v1", "apis/autoscaling/v2")
# Pods get labels, annotations and finalizers from their template, nothing else of its metadata
# (kubernetes/pkg/controller, GetPodFromTemplate).
METADATA = "spec.template.metadata."
COPIED = (f"{METADATA}annotations", f"{METADATA}finalizers")
SECTIONS = {
    "Deployment": "In the Deployment itself",
    "pod": "In the pods of the Deployment",
    "Service": "In the Service",
    "HorizontalPodAutoscaler": "In the HorizontalPodAutoscaler",
    "PersistentVolumeClaim": "In the PersistentVolumeClaim",
}
# Values of a field that are tried: one of them may be the default.
TRIES = 12


def variants() -> dict[str, list[Any]]:
    """Each kind of child as HelloWorlds of all kinds want it."""
    made: dict[str, list[Any]] = {}
    for spec, own in (
        (v1.Spec(), True),
        (v1.Spec(image="i:1"), False),
        (v1.Spec(persistence=v1.Persistence()), True),
        (v1.Spec(autoscaling=v1.Autoscaling(max_replicas=3)), True),
    ):
        one = Desired("x", spec, "i:1", own_image=own)
        kept = v1.Persistence(storage_class_name="fast")
        for child in (
            desired.deployment(one),
            desired.service(one),
            desired.autoscaler(one),
            volumes.claim("x", kept, None, volumes.NOTHING),
        ):
            if child is not None:
                made.setdefault(child["kind"], []).append(child)
    return made


VARIANTS = variants()
RULES = {kind.kind: owned.schema for kind, owned in controller("i:1").owned.items()}


@pytest.fixture(scope="module")
def schemas(plane: Any) -> Schemas:
    return Schemas.of(plane.api, *GROUPS)


def unset(schemas: Schemas, kind: str) -> list[tuple[str, Any]]:
    """The places of what no variant sets, and their schemas."""
    specs = [each["spec"] for each in VARIANTS[kind]]
    found = schemas.unset(schemas.spec(VARIANTS[kind][0]), specs)
    return [
        (place, schema)
        for place, schema in found
        if not place.startswith(METADATA) or place in COPIED
    ]


def put(struct: Any, steps: list[str], value: Any) -> bool:
    """Set a field, in the first item of each list that has the struct around it."""
    name, *rest = steps
    if not rest:
        struct[name] = value
        return True
    below = struct.get(name.removesuffix("[]"))
    items = below if isinstance(below, list) else [below]
    return any(isinstance(item, dict) and put(item, rest, value) for item in items)


def edited(schemas: Schemas, kind: str, place: str, schema: Any) -> Iterator[tuple[Any, Any]]:
    """Children as they are wanted, and with a value in a field."""
    for number in range(TRIES):
        for wanted in VARIANTS[kind]:
            live = copy.deepcopy(wanted)
            value = schemas.value(random.Random(number), schema)
            if put(live, place.split("."), value):
                yield wanted, live


def undone(schemas: Schemas, kind: str, place: str, schema: Any) -> bool:
    return any(
        differences(wanted, live) or contradictions(wanted, live, RULES[kind])
        for wanted, live in edited(schemas, kind, place, schema)
    )


def rows(section: str) -> Iterator[tuple[str, str]]:
    """What a table says is added, and what becomes of it."""
    text = PAGE.read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    for line in text.splitlines():
        if line.startswith("|"):
            added, becomes, _ = (cell.strip() for cell in line.strip("|").split("|"))
            yield added, becomes


def told(kind: str, place: str) -> str:
    """What the page says becomes of a field: "stays", "undone", "refused", "" for nothing."""
    name = place.rpartition(".")[2]
    inside = place.startswith("spec.template.spec.containers[].")
    pod = place.startswith("spec.template.")
    for added, becomes in rows(SECTIONS["pod" if pod else kind]):
        outside, _, within = added.partition("in `greeting`:")
        part = within if inside else outside
        if re.search(rf"`{name}\b[^`]*`", part):
            return becomes
    return ""


@pytest.mark.parametrize("kind", VARIANTS)
def test_every_field_is_ours_or_named(schemas: Schemas, kind: str) -> None:
    nameless = [
        place
        for place, schema in unset(schemas, kind)
        if not told(kind, place) and not undone(schemas, kind, place, schema)
    ]
    assert nameless == [], "say in docs/reference/repair.md what becomes of them, and why"


@pytest.mark.parametrize("kind", VARIANTS)
def test_what_the_page_says_of_a_field_is_what_becomes_of_it(schemas: Schemas, kind: str) -> None:
    wrong = []
    for place, schema in unset(schemas, kind):
        becomes = told(kind, place)
        if becomes in ("stays", "undone"):
            found = "undone" if undone(schemas, kind, place, schema) else "stays"
            if found != becomes:
                wrong.append(f"{place}: {becomes} on the page, {found} by the rules")
    assert wrong == []


def test_what_the_page_calls_refused_is_refused(schemas: Schemas, api: Api, namespace: str) -> None:
    accepted = []
    for kind in VARIANTS:
        for place, schema in unset(schemas, kind):
            if told(kind, place) != "refused":
                continue
            for wanted, live in edited(schemas, kind, place, schema):
                if not refuses(api, namespace, wanted, live):
                    accepted.append((place, live["spec"]))
    assert accepted == []


def refuses(api: Api, namespace: str, wanted: Any, live: Any) -> bool:
    """Whether an object that is there cannot be changed to another; also where the API server
    drops what is written without a word."""
    metadata = {"name": wanted["metadata"]["name"], "namespace": namespace}
    path = api.path_of({**wanted, "metadata": metadata})
    if not api.exists(path):
        api.create({**wanted, "metadata": metadata})
    try:
        after = api.put(path, {**live, "metadata": metadata}, dryRun="All")
    except ApiError as error:
        if error.status not in (400, 422):  # 400: a text that is no quantity
            raise
        return True
    return bool(after["spec"] == api.get(path)["spec"])
