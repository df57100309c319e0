"""Whatever two bundles and objects hold, the simulation answers: with a report, or one sentence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.budgets import budget
from tests.mutations import mutants, places, shallow

from kopfkit.errors import KopfkitError
from kopfkit.simulation import Situation, as_json, as_text, bundle_of, preflight, simulate
from kopfkit.simulation.objects import seen_through, sort_objects

from .conftest import HELLOWORLDS

# Deeper places are of schemas, of which all are alike.
DEPTH = 9


@pytest.fixture(scope="module")
def documents(bundles: Any) -> list[Any]:
    bundle = bundles["0.3.0"]
    return [json.loads(json.dumps(one)) for one in (bundle.csv, *bundle.crds.values())]


@pytest.fixture(scope="module")
def objects(documents: list[Any]) -> list[Any]:
    found: list[Any] = json.loads(documents[0]["metadata"]["annotations"]["alm-examples"])
    return found


@given(data=st.data())
@budget(ci=8, soak=20_000)
def test_no_change_of_a_bundle_is_an_error(
    bundles: Any, documents: list[Any], objects: list[Any], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(documents) - 1))
    found = list(documents)
    found[at] = data.draw(mutants(found[at], shallow(places(found[at]), DEPTH)))
    try:
        new = bundle_of([one for one in found if isinstance(one, dict)])
    except KopfkitError:
        return
    for old, then in ((bundles["0.3.0"], new), (new, bundles["0.4.0"])):
        both = {name: crd for name, crd in old.crds.items() if name in then.crds}
        seen = {
            name: seen_through(both[name], then.crds[name], group, None)
            for name, group in sort_objects(objects, both).items()
        }
        for known in (Situation(), Situation(objects=seen)):
            report = simulate(old, then, known)
            assert as_text(report)
            assert json.loads(as_json(report))["verdict"] == report.verdict.value


@given(data=st.data())
@budget(ci=25, soak=10_000)
def test_no_change_of_an_object_is_an_error(
    bundles: Any, objects: list[Any], data: st.DataObject
) -> None:
    obj = data.draw(st.sampled_from(objects))
    try:
        found = sort_objects([data.draw(mutants(obj, places(obj)))], bundles["0.4.0"].crds)
    except KopfkitError:
        return
    crd = bundles["0.4.0"].crds[HELLOWORLDS]
    for violation in preflight(crd, crd, seen_through(crd, crd, found[HELLOWORLDS], None)):
        assert str(violation)
