"""HelloWorld's conversion, tried with objects generated from the CRD's own schemas.

Hypothesis finds and shrinks; a second, faster source of chance makes many. How many, says
KOPFKIT_CONVERSION_OBJECTS: 600 where it is not set (200,000 in a soak), a million in the long run
that docs/decisions/0012-proving-the-conversion.md records.
"""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget, examples
from helloworld_operator.api import HELLOWORLD
from helloworld_operator.api.conversion import ANNOTATION, CONVERTER
from kopfkit.crd import custom_resource_definition
from kopfkit.testing.generation import Form, ObjectMaker, objects
from kopfkit.testing.versions import Versions

CRD = custom_resource_definition(HELLOWORLD)
VERSIONS = Versions(CONVERTER, CRD)
NAMES = [CONVERTER.hub, *CONVERTER.spokes]
OTHER = dict(zip(NAMES, [*NAMES[1:], NAMES[0]], strict=True))
FORMS: tuple[Form, ...] = ("valid", "newer", "junk")
ANNOTATIONS = (ANNOTATION,)
VALID, NEWER, JUNK = (
    {name: objects(CRD, name, form=form, annotations=ANNOTATIONS) for name in NAMES}
    for form in FORMS
)
MAKERS = {name: ObjectMaker(CRD, name, annotations=ANNOTATIONS) for name in NAMES}

generated = budget(ci=10, soak=2000)

OBJECTS = int(os.environ.get("KOPFKIT_CONVERSION_OBJECTS") or examples(ci=600, soak=200_000))
SEED = int(os.environ.get("KOPFKIT_CONVERSION_SEED", "0"))
# Objects between two lines of progress in a long run.
STRIDE = 50_000


@pytest.mark.parametrize("version", NAMES)
@generated
@given(data=st.data())
def test_a_valid_object_comes_back_as_it_was(version: str, data: st.DataObject) -> None:
    obj = data.draw(VALID[version])
    VERSIONS.check_there_and_back(obj)
    VERSIONS.check_survives_pruning(obj)


@pytest.mark.parametrize("version", NAMES)
@generated
@given(data=st.data())
def test_fields_of_a_later_release_survive_the_version_that_lacks_them(
    version: str, data: st.DataObject
) -> None:
    obj = data.draw(NEWER[version])
    VERSIONS.check_there_and_back(obj)
    VERSIONS.check_survives_pruning(obj)


@pytest.mark.parametrize("version", NAMES)
@generated
@given(data=st.data())
def test_junk_from_storage_is_converted_and_settles(version: str, data: st.DataObject) -> None:
    VERSIONS.check_settles(data.draw(JUNK[version]))


@pytest.mark.parametrize("version", NAMES)
@generated
@given(data=st.data())
def test_what_is_written_through_a_version_is_read_through_it(
    version: str, data: st.DataObject
) -> None:
    VERSIONS.check_written_is_read(data.draw(VALID[version]))


@pytest.mark.parametrize(("version", "editor"), [(a, b) for a in NAMES for b in NAMES])
@generated
@given(data=st.data())
def test_an_edit_is_read_as_it_was_written_and_outlives_a_touch_through_the_other_version(
    version: str, editor: str, data: st.DataObject
) -> None:
    VERSIONS.check_edit(data.draw(VALID[version]), data.draw(VALID[editor]))


@generated
@given(st.one_of(*VALID.values()))
def test_both_versions_say_the_same_number_message_image_and_status(obj: dict[str, Any]) -> None:
    """What the checks above cannot know: which field of one version is which of the other."""
    stored = VERSIONS.stored(obj, "v1")
    v1, v1alpha1 = (VERSIONS.read(stored, name) for name in ("v1", "v1alpha1"))
    new, old = v1["spec"], v1alpha1["spec"]
    assert (new["replicas"], new["greeting"]["message"]) == (old["size"], old["message"])
    assert new.get("image") == old.get("image")
    assert v1.get("status") == v1alpha1.get("status")


def check(number: int) -> None:
    """Every property on the object of one number."""
    version = NAMES[number % len(NAMES)]
    form = ("valid", "newer", "junk", "valid")[number // 2 % 4]
    obj = MAKERS[version].seeded(number, form)
    if form == "junk":
        VERSIONS.check_settles(obj)
        return
    VERSIONS.check_there_and_back(obj)
    VERSIONS.check_survives_pruning(obj)
    if number % 8 < 2:  # the dearest ones on half of the valid objects
        VERSIONS.check_written_is_read(obj)
        VERSIONS.check_edit(obj, MAKERS[OTHER[version]].seeded(number + 1))


def test_many_objects_are_converted_without_loss(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(SEED, SEED + OBJECTS):
        try:
            check(number)
        except Exception as error:
            raise AssertionError(f"object {number}: {error}") from error
        if (done := number - SEED + 1) % STRIDE == 0:
            with capsys.disabled():
                print(f"\n{done:,} objects without loss", flush=True)


def heavy(size: int) -> dict[str, Any]:
    """A v1 object that weighs about so many bytes, most of it in what only v1 has."""
    spec: dict[str, Any] = {"replicas": 1, "greeting": {"message": "Hi", "language": "zh-Hans"}}
    spec["unknown"] = {f"field-{number}": "你" * 300 for number in range(size // 920)}
    metadata = {"name": "heavy", "namespace": "default", "annotations": {"note": "mine"}}
    return {
        "apiVersion": f"{CONVERTER.group}/v1",
        "kind": "HelloWorld",
        "metadata": metadata,
        "spec": spec,
    }


@pytest.mark.parametrize("size", [200_000, 1_000_000])
def test_an_object_as_large_as_etcd_takes_comes_back_as_it_was(size: int) -> None:
    VERSIONS.check_there_and_back(heavy(size))
    # Its version's schema has no such field: through the API server it does not get this far.
    VERSIONS.check_survives_pruning(VERSIONS.prune(heavy(size)))
