"""A tenant who writes HelloWorlds to harm others: no conversion fails, and none forges anything.

How many objects the fast source of chance makes, says KOPFKIT_HOSTILE_OBJECTS: 150 where it is not
set, 20,000 in a soak.
"""

import os
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from budgets import budget, examples
from helloworld_operator.api import HELLOWORLD
from helloworld_operator.api.conversion import ANNOTATION, CONVERTER
from kopfkit.conversion import Converter, Spoke
from kopfkit.conversion.restoring import Judge
from kopfkit.crd import custom_resource_definition
from kopfkit.crd.structural import admit, schema_in
from kopfkit.testing.adversary import Adversary
from kopfkit.testing.versions import Versions

CRD = custom_resource_definition(HELLOWORLD)
ADVERSARY = Adversary(CONVERTER, CRD)
VERSIONS = Versions(CONVERTER, CRD)

OBJECTS = int(os.environ.get("KOPFKIT_HOSTILE_OBJECTS") or examples(ci=150, soak=20_000))
SEED = int(os.environ.get("KOPFKIT_HOSTILE_SEED", "0"))
# Objects between two lines of progress in a long run.
STRIDE = 20_000


@budget(ci=25, soak=3000)
@given(ADVERSARY.objects())
def test_a_hostile_object_is_converted_and_nothing_is_forged(obj: dict[str, Any]) -> None:
    ADVERSARY.check(obj)


def test_many_hostile_objects_are_converted_and_nothing_is_forged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(SEED, SEED + OBJECTS):
        try:
            ADVERSARY.check(ADVERSARY.seeded(number))
        except Exception as error:
            raise AssertionError(f"object {number}: {error}") from error
        if (done := number - SEED + 1) % STRIDE == 0:
            with capsys.disabled():
                print(f"\n{done:,} hostile objects, nothing forged", flush=True)


def test_a_json_schema_validator_takes_what_comes_out_of_hostile_annotations() -> None:
    """A second opinion on types and limits: `check` judges by the code that the converter uses."""
    restored = 0
    for number in range(60):
        obj = ADVERSARY.seeded(number)
        source = obj["apiVersion"].rpartition("/")[2]
        target = "v1" if source == "v1alpha1" else "v1alpha1"
        there = admit(VERSIONS.convert(obj, target), schema_in(CRD, target))
        jsonschema.validate(there.get("spec"), schema_in(CRD, target)["properties"]["spec"])
        without = {**obj, "metadata": {"name": "n"}}
        restored += VERSIONS.convert(without, target).get("spec") != there.get("spec")
    # Hostile is not all of it: what the schema takes is restored.
    assert restored > 3


def trusting_adversary() -> Adversary:
    """The adversary of a converter that trusts."""
    spoke: Any = CONVERTER._spokes["v1alpha1"]
    trusting = Converter(
        group=CONVERTER.group,
        kind=CONVERTER.kind,
        hub="v1",
        hub_fields=dict(CONVERTER._known["v1"]),  # type: ignore[arg-type]
        spokes=[Spoke("v1alpha1", spoke.to_hub, spoke.from_hub, dict(spoke.fields))],
        annotation=ANNOTATION,
    )
    return Adversary(trusting, CRD)


def fails(adversary: Adversary, about: str = "") -> bool:
    """Whether one of some thousand objects, those that speak of `about`, is found."""
    for number in range(4000):
        obj = adversary.seeded(number)
        if about not in str(obj["metadata"].get("annotations")):
            continue
        try:
            adversary.check(obj)
        except AssertionError:
            return True
    return False


def test_the_adversary_finds_a_converter_that_trusts_the_annotations_values() -> None:
    assert fails(trusting_adversary())


@pytest.mark.parametrize("member", ["apiVersion", "kind", "metadata", "status"])
def test_the_adversary_finds_a_converter_that_restores_identity_or_status(
    member: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kopfkit.conversion import converter, restoring

    allowed = restoring.UNTOUCHABLE - {member}
    monkeypatch.setattr(restoring, "UNTOUCHABLE", allowed)
    monkeypatch.setattr(converter, "UNTOUCHABLE", allowed)
    original = converter.Converter._converted

    def believing(self: Any, obj: Any, source: Any, target: Any, kept: Any, ours: Any) -> Any:
        made = original(self, obj, source, target, kept, ours)
        change = ours.get(f"/{member}")
        forged = change is not None and isinstance(change.value, str | dict | list)
        return {**made, member: change.value} if forged else made

    monkeypatch.setattr(converter.Converter, "_converted", believing)
    assert fails(ADVERSARY, f'"/{member}"')


def test_the_adversary_finds_a_converter_that_writes_more_than_annotations_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kopfkit.conversion.annotation.fits", lambda annotations, name: True)
    assert fails(ADVERSARY)


def test_a_tree_without_types_judges_nothing() -> None:
    content, accepted = Judge({"spec": None}).restore({"spec": {}}, {})
    assert (content, accepted) == ({"spec": {}}, {})
