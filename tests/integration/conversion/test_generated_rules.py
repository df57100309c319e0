"""The API server judges generated objects, and so do we: the verdicts are the same.

Valid objects must be taken, or the generator tests something that cannot exist. Objects that are
put together from two, or have one text exchanged, break rules often: then both must say so, with
the same sentences.
"""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from kopfkit.crd import custom_resource_definition
from kopfkit.crd.structural import admit, broken_rules, schema_in
from kopfkit.testing.generation import objects

CASES = [(HELLOWORLD, "v1"), (HELLOWORLD, "v1alpha1"), (SNAPSHOT, "v1")]
IDS = [f"{resource.kind}-{version}" for resource, version in CASES]
MADE = {
    (resource.kind, version): objects(
        custom_resource_definition(resource), version, without=["status"]
    )
    for resource, version in CASES
}
# Of every length that a text here may have; each is right somewhere and wrong elsewhere.
TEXTS = [
    *("1Gi", "0500m", "-1", "1 Gi", "1e3", "2E", "900Ki", "+5Mi", ".5Gi", "1048576", "1.Mi"),
    *("en", "zh-Hans", "de-", "e1", "@daily", "0 0 * * *", "*/5 1-3 1,2 JAN SUN", "60 0 * * *"),
    *("a.b", "a..b", "A", "a_b", "a\n", "hello:1", "hello:1\n", "x.io/a@sha256:00", "a/B", "\0"),
]
some = budget(ci=15, soak=500)


@pytest.fixture(scope="module")
def kinds(install: Any) -> dict[str, Any]:
    return {resource.kind: install(resource=resource) for resource in (HELLOWORLD, SNAPSHOT)}


def dry_run(installed: Any, version: str, obj: Any) -> Any:
    body = {**obj, "apiVersion": f"{installed.resource.group}/{version}"}
    return installed.api("POST", installed.path(version) + "?dryRun=All", body)


@pytest.mark.parametrize(("resource", "version"), CASES, ids=IDS)
@some
@given(data=st.data())
def test_every_generated_object_is_taken(
    kinds: Any, resource: Any, version: str, data: st.DataObject
) -> None:
    obj = data.draw(MADE[resource.kind, version])
    dry_run(kinds[resource.kind], version, obj).ok()


def merged(one: Any, other: Any) -> Any:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return other
    both = {key: merged(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **both}


def texts(value: Any, schema: Any) -> list[tuple[dict[str, Any], str]]:
    """Every text in an object that may be another one, as (its parent, its key)."""
    found = []
    for key, item in value.items():
        inner = schema.get("properties", {}).get(key) or schema.get("additionalProperties") or {}
        if isinstance(item, dict):
            found += texts(item, inner)
        elif isinstance(item, str) and "enum" not in inner:
            found.append((value, key))
    return found


@pytest.mark.parametrize(("resource", "version"), CASES, ids=IDS)
@some
@given(data=st.data())
def test_whatever_is_put_together_both_say_the_same(
    kinds: Any, resource: Any, version: str, data: st.DataObject
) -> None:
    obj, other = data.draw(MADE[resource.kind, version]), data.draw(MADE[resource.kind, version])
    schema = schema_in(custom_resource_definition(resource), version)
    obj = copy.deepcopy(merged(obj, {"spec": other.get("spec", {})}))
    places = texts(obj.get("spec", {}), schema["properties"]["spec"])
    if places and data.draw(st.booleans()):
        parent, key = data.draw(st.sampled_from(places))
        text = data.draw(st.sampled_from(TEXTS))
        parent[key] = text if key != "language" or len(text) > 1 else "x-"
    answer = dry_run(kinds[resource.kind], version, obj)
    broken = list(broken_rules(admit(obj, schema), schema))
    assert (answer.status, answer.message if answer.status != 201 else "") == (
        (422, answer.message) if broken else (201, "")
    ), broken
    for _, message in broken:
        assert message in answer.message
