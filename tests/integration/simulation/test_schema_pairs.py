"""Pairs of schemas with an object: what a real API server drops, refuses or takes, the simulation
says, or it says that it does not know.

One CRD carries all pairs as pairs of versions, with strategy None: an object that is written
through the old schema's version and read through the new one's is what a reader of the new CRD
gets. It stores a version that keeps everything, so that nothing is lost on the way.
"""

import copy
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.budgets import examples
from tests.integration.conftest import CRDS, RawApi

from kopfkit.simulation import Situation, Verdict, as_text, bundle_of, preflight, simulate
from kopfkit.simulation.preflight import By

from .schemas import changed, schema, value

PAIRS = examples(ci=60, soak=120)
# Objects of each pair.
OBJECTS = examples(ci=6, soak=10)
GROUP = "pairs.example.com"
NAME = f"things.{GROUP}"
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def version(name: str, spec: Any, **more: Any) -> dict[str, Any]:
    root = {"type": "object", "properties": {"spec": spec}}
    found = {"name": name, "served": True, "storage": False, **more}
    return {**found, "schema": {"openAPIV3Schema": root}}


def crd(*versions: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": "Thing", "listKind": "ThingList", "plural": "things"},
            "versions": list(versions),
        },
    }


@pytest.fixture(scope="module")
def pairs(raw_api: RawApi, eventually: Any) -> Iterator[list[tuple[Any, Any]]]:
    """The pairs that the API server takes; their versions are v<n>alpha1 and v<n>."""
    chance = random.Random(4711)
    found = []
    for _ in range(PAIRS):
        old = schema(chance)
        found.append((old, changed(old, chance)))
    kept = version("v9999", {"x-kubernetes-preserve-unknown-fields": True}, storage=True)
    versions = [kept]
    for number, (old, new) in enumerate(found, 1):
        versions += [version(f"v{number}alpha1", old), version(f"v{number}", new)]
    answer = raw_api("POST", CRDS, crd(*versions))
    assert answer.status == 201, answer.message
    last = f"/apis/{GROUP}/v{PAIRS}/namespaces/default/things"
    eventually(lambda: raw_api("GET", last).status, lambda status: status == 200)
    yield found
    raw_api("DELETE", f"{CRDS}/{NAME}")


def bundle(number: str, spec: Any) -> Any:
    csv = {
        "kind": "ClusterServiceVersion",
        "metadata": {"name": f"op.v{number}"},
        "spec": {"version": number},
    }
    return bundle_of([csv, crd(version("v1", spec, storage=True))])


def test_what_the_api_server_does_to_an_object_is_said_or_unknown(
    raw_api: RawApi, pairs: list[tuple[Any, Any]]
) -> None:
    chance = random.Random(42)
    apart: list[Any] = []
    seen: Counter[str] = Counter()
    for number, (old, new) in enumerate(pairs, 1):
        before, after = bundle("1.0.0", old), bundle("2.0.0", new)
        for index in range(OBJECTS):
            name = f"p{number}-{index}"
            written = thing(f"v{number}alpha1", name, value(old, chance))
            made = raw_api("POST", path(f"v{number}alpha1"), written)
            if made.status != 201:
                seen["not to be had"] += 1
                continue
            stored = raw_api("GET", path(f"v{number}alpha1", name)).ok()
            read = raw_api("GET", path(f"v{number}", name)).ok()
            again = thing(f"v{number}", f"{name}-again", copy.deepcopy(read.get("spec")))
            query = "?dryRun=All&fieldValidation=Ignore"
            taken = raw_api("POST", path(f"v{number}") + query, again)
            assert taken.status in (201, 422), taken.message
            obj = thing("v1", name, stored.get("spec"))
            report = simulate(before, after, Situation(objects={NAME: {"v1": [obj]}}))
            found = {one.by for one in preflight(*both(before, after), {"v1": [obj]})}
            pruned = read.get("spec") != stored.get("spec")
            wrong = judged(pruned, taken.status == 422, report, found)
            seen[outcome(pruned, taken.status == 422, report, found)] += 1
            if wrong:
                apart.append((wrong, old, new, stored.get("spec"), taken.message, as_text(report)))
    print(f"{len(pairs)} pairs: {dict(seen)}")
    assert apart == []
    # No answer was left out, and the simulation does not hide behind not knowing.
    assert min(seen[kind] for kind in ("pruned", "refused", "taken")) >= PAIRS // 10, seen
    assert seen["unknown"] <= sum(seen.values()) * 0.1, seen


def judged(pruned: bool, refused: bool, report: Any, found: set[By]) -> str:
    """What the simulation says otherwise than the API server; "" if nothing."""
    if By.UNKNOWN in found:
        return ""
    if pruned and report.verdict is not Verdict.CORRUPTS:
        return "drops what the simulation says stays"
    if pruned and By.NOBODY not in found:
        return "drops a value that preflight does not name"
    if refused and (report.verdict is Verdict.OK or not found & {By.OLM, By.API_SERVER}):
        return "refuses what the simulation takes"
    if not refused and not pruned and found:
        return "takes what the simulation refuses"
    return ""


def outcome(pruned: bool, refused: bool, report: Any, found: set[By]) -> str:
    if By.UNKNOWN in found:
        return "unknown"
    return "pruned" if pruned else "refused" if refused else "taken"


def both(before: Any, after: Any) -> tuple[Any, Any]:
    return before.crds[NAME], after.crds[NAME]


def thing(api_version: str, name: str, spec: Any) -> dict[str, Any]:
    found = {"apiVersion": f"{GROUP}/{api_version}", "kind": "Thing", "metadata": {"name": name}}
    return found if spec is None else {**found, "spec": spec}


def path(api_version: str, name: str = "") -> str:
    return f"/apis/{GROUP}/{api_version}/namespaces/default/things/{name}".rstrip("/")
