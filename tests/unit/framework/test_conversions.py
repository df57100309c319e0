"""An operator with several converters: one webhook, one certificate, each CRD for itself."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from kopfkit.cli._simulation import converter_at
from kopfkit.controller import Controller, Operator
from kopfkit.conversion import Converter, Converters, Spoke, answer
from kopfkit.crd import ConditionedStatus, CustomResource, Version
from kopfkit.errors import KopfkitError
from kopfkit.packaging import webhooks
from kopfkit.packaging.prover import prove
from kopfkit.packaging.releases import History, Release
from kopfkit.project import Project

HARBOUR = Path(__file__).parents[2] / "integration" / "framework" / "projects" / "harbour"
CRDS = ["docks.harbour.example.com", "cranes.harbour.example.com"]


@pytest.fixture
def harbour(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(HARBOUR)
    from harbour import operator

    return operator


@pytest.fixture
def project(harbour: Any) -> Project:
    from harbour.project import PROJECT

    return PROJECT


def review(wanted: str, *objects: dict[str, Any]) -> bytes:
    request = {"uid": "u", "desiredAPIVersion": wanted, "objects": list(objects)}
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview"}
    return json.dumps({**kind, "request": request}).encode()


def an(api_version: str, kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}


def test_each_kind_is_converted_by_its_own_converter(harbour: Any) -> None:
    both = harbour.OPERATOR.conversion
    old = "harbour.example.com/v1alpha1"
    done = answer(review("harbour.example.com/v1", an(old, "Dock", length=7)), both)
    assert json.loads(done.body)["response"]["convertedObjects"][0]["spec"] == {"metres": 7}
    old = "harbour.example.com/v1beta1"
    done = answer(review("harbour.example.com/v1", an(old, "Crane", kilograms=3000)), both)
    assert json.loads(done.body)["response"]["convertedObjects"][0]["spec"] == {"tons": 3}
    assert done.counts == {("v1beta1", "v1", True): 1}


@pytest.mark.parametrize(
    ("wanted", "obj", "why"),
    [
        (
            "v1",
            an("harbour.example.com/v1beta1", "Dock"),
            "has apiVersion 'harbour.example.com/v1b",
        ),
        ("v1beta1", an("harbour.example.com/v1", "Dock"), "is wanted in apiVersion 'harbour.exam"),
        ("v1", an("harbour.example.com/v1", "Ship"), "is of no kind that is converted"),
        ("v1", an("harbour.example.com/v1", ["Dock"]), "is of no kind that is converted"),  # type: ignore[arg-type]
        ("v9", an("harbour.example.com/v1", "Dock"), "desiredAPIVersion 'harbour.example.com/v9'"),
        ("v1", "Dock", "is not an object but str"),
    ],
)
def test_what_no_converter_knows_fails_with_a_sentence(
    harbour: Any, wanted: str, obj: Any, why: str
) -> None:
    done = answer(review(f"harbour.example.com/{wanted}", obj), harbour.OPERATOR.conversion)
    result = json.loads(done.body)["response"]["result"]
    assert result["status"] == "Failure"
    assert why in result["message"]


def test_the_simulator_is_given_all_converters_of_an_operator(harbour: Any) -> None:
    convert = converter_at("harbour.operator:OPERATOR.conversion")
    made = convert(an("harbour.example.com/v1", "Crane", tons=2), "harbour.example.com/v1beta1")
    assert made["spec"] == {"kilograms": 2000}


def test_two_converters_of_one_kind_are_refused(harbour: Any) -> None:
    one = harbour.OPERATOR.converters[CRDS[0]]
    with pytest.raises(KopfkitError, match="two converters are given for Dock"):
        Converters([one, one])
    with pytest.raises(KopfkitError, match="two converters are given for Dock"):
        Operator("o", "1", harbour.OPERATOR.controllers, conversion=[one, one])


def test_a_kind_with_several_versions_and_no_converter_beside_one_that_has_is_refused(
    harbour: Any,
) -> None:
    one = harbour.OPERATOR.converters[CRDS[0]]
    with pytest.raises(KopfkitError, match="Crane has the versions v1, v1beta1, and nothing conv"):
        Operator("o", "1", harbour.OPERATOR.controllers, conversion=one)


def test_a_version_that_the_converter_lacks_is_refused(harbour: Any) -> None:
    newer = Version("v2", harbour.Dock, ConditionedStatus, "A dock.")
    versions = [*harbour.DOCK.versions, newer]
    resource = CustomResource(harbour.GROUP, "Dock", "docks", versions)
    controller = Controller(resource, harbour.DOCK_V1, reconcile=harbour.keep_dock)
    with pytest.raises(KopfkitError, match="the converter of Dock lacks v2"):
        Operator("o", "1", [controller], conversion=harbour.OPERATOR.converters[CRDS[0]])


def test_a_converter_of_a_kind_that_nobody_reconciles_is_refused(harbour: Any) -> None:
    ships = Converter(
        group=harbour.GROUP,
        kind="Ship",
        hub="v1",
        spokes=[Spoke("v1beta1", to_hub=dict, from_hub=dict)],
        annotation="x/y",
    )
    both = [*harbour.OPERATOR.converters.values(), ships]
    with pytest.raises(KopfkitError, match="no controller reconciles Ship, which is converted"):
        Operator("o", "1", harbour.OPERATOR.controllers, conversion=both)


def test_one_webhook_definition_names_every_crd_and_one_guard_watches_them(
    project: Project,
) -> None:
    conversion, *_, guard = webhooks.definitions(project)
    assert conversion["conversionCRDs"] == CRDS
    assert guard["objectSelector"]["matchLabels"] == webhooks.guard_label(project)


def release(version: str, replaces: str, served: str, stored: str) -> Release:
    names = tuple(served.split())
    day = datetime.date(2026, 1, 1)
    known = ("v1alpha1", "v1beta1", "v1") if replaces else names
    return Release(version, day, ("stable",), names, stored, replaces, known=known)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        # Docks had v1alpha1 and cranes v1: two names, and nothing to convert between them.
        (("v1alpha1 v1", "v1"), ("v1alpha1 v1beta1 v1", "v1"), ""),
        (("v1alpha1", "v1alpha1"), ("v1alpha1 v1", "v1"), "Dock stores v1, which 0.1.0 does not"),
        (
            ("v1alpha1 v1beta1 v1", "v1"),
            ("v1alpha1 v1", "v1"),
            "Crane does not serve v1beta1, which 0.1.0 serves without a warning",
        ),
    ],
)
def test_the_upgrade_graph_is_judged_for_each_crd(
    project: Project, first: tuple[str, str], second: tuple[str, str], why: str
) -> None:
    releases = (release("0.1.0", "", *first), release("0.2.0", "0.1.0", *second))
    found = prove(project, History(project.name, "stable", ("stable",), releases)).found
    told = [text for _, text in found]
    assert [text[: len(why)] for text in told] == ([why] if why else []), told
