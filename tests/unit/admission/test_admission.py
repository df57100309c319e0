"""Defaults and validation of a typed object, as the webhook answers them."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.admission import patches
from kopfkit.admission.review import read
from kopfkit.controller import Admission, Controller, FieldError, Operator
from kopfkit.crd import models
from kopfkit.errors import KopfkitError
from kopfkit.testing import admission as ask

from .caches import ADMISSION, CACHE, V1, Cache, Port, Spec, cache, validate


def test_a_default_is_written_and_nothing_that_was_there_is_changed() -> None:
    given_spec = {"ports": [{"number": 1, "unknown": 7}], "storage": {"other": 1}, "more": None}
    done = ask.create(ADMISSION, cache(**given_spec))
    assert done.allowed
    assert done.spec == {
        "image": "memcached:1.6",
        "storage": {"other": 1, "className": "fast"},
        "ports": [{"number": 1, "unknown": 7, "appProtocol": "tcp"}],
        "labels": {"cache/size~": "1"},
        "more": None,
    }


def test_an_object_without_a_spec_gets_its_defaults() -> None:
    for obj in ({"metadata": {"name": "a"}}, {"metadata": {"name": "a"}, "spec": None}):
        assert ask.create(ADMISSION, obj).spec["image"] == "memcached:1.6"


def test_what_has_its_defaults_is_not_patched() -> None:
    once = ask.create(ADMISSION, cache()).object
    body = msgspec.json.encode(ask.review(ADMISSION, "CREATE", once))
    assert ADMISSION.review("mutate", read(body)).patch == ()


def test_every_fault_is_told_at_once_by_field_and_the_rest_as_warnings() -> None:
    done = ask.create(ADMISSION, cache(image="a b", size=-1, ports=[{}, {"number": 70000}]))
    assert not done.allowed
    assert done.errors == {
        "spec.image": "must not have spaces: write name:tag",
        "spec.size": "must not be negative",
        "spec.ports[1].number": "must be 65535 at most",
    }
    assert done.message.startswith('Cache.cache.example.com "a" is invalid: [spec.image: must not')
    assert ask.create(ADMISSION, cache(size=101)).warnings == ["spec.size: is large"]


def test_an_update_sees_the_stored_object() -> None:
    assert ask.update(ADMISSION, cache(size=3), cache(size=4)).allowed
    done = ask.update(ADMISSION, cache(size=3), cache(size=2))
    assert done.errors == {"spec.size": "must not shrink: it is 3"}


def test_a_fault_that_was_there_before_refuses_no_update_of_something_else() -> None:
    bad = {"ports": [{"number": 70000}]}
    done = ask.update(ADMISSION, cache(image="a b", **bad), cache(image="a b", size=2, **bad))
    assert done.allowed
    assert done.warnings == [
        "spec.image: must not have spaces: write name:tag",
        "spec.ports[0].number: must be 65535 at most",
    ]
    assert not ask.update(ADMISSION, cache(image="a b"), cache(image="c d")).allowed
    assert not ask.update(ADMISSION, cache(image="a"), cache(image="a b")).allowed


def test_a_delete_is_refused_by_its_own_function() -> None:
    assert ask.delete(ADMISSION, cache()).allowed
    done = ask.delete(ADMISSION, cache(labels={"keep": "yes"}))
    assert done.errors == {"spec.labels[keep]": "keeps it: remove the label first"}


def test_what_is_being_deleted_is_not_looked_at() -> None:
    going = cache(image="a b", labels={"keep": "yes"})
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    done = ask.update(ADMISSION, going, {**going, "spec": {"image": "c d"}})
    assert (done.allowed, done.spec) == (True, {"image": "c d"})
    assert ask.delete(ADMISSION, going).allowed


def test_what_only_claims_to_be_deleted_is_looked_at() -> None:
    claiming = cache(image="a b")
    claiming["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not ask.create(ADMISSION, claiming).allowed
    assert not ask.update(ADMISSION, cache(image="a"), claiming).allowed


def test_what_cannot_be_decoded_is_refused_by_field_unless_it_was_so_before() -> None:
    done = ask.create(ADMISSION, cache(size="big"))
    assert done.errors == {"spec.size": "Expected int, got str"}
    done = ask.update(ADMISSION, cache(size="big"), cache(size="big"))
    assert (done.allowed, done.warnings) == (True, ["spec.size: Expected int, got str"])
    assert not ask.update(ADMISSION, cache(size="big"), cache(size="bigger")).allowed
    assert ask.update(ADMISSION, cache(size="big"), cache(size=1)).allowed
    assert ask.delete(ADMISSION, cache(size="big")).allowed


SPECS = st.builds(
    Spec,
    image=st.none() | st.text(max_size=5),
    size=st.integers(-5, 5),
    ports=st.lists(st.builds(Port, number=st.integers(0, 9)), max_size=3),
    labels=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
)


@budget(100, 5000)
@given(SPECS, SPECS)
def test_the_patched_object_is_decoded_as_what_the_function_made(before: Spec, after: Spec) -> None:
    def become(obj: Cache) -> None:
        for name in Spec.__struct_fields__:
            setattr(obj.spec, name, copy.deepcopy(getattr(after, name)))

    raw = cache(**models.encode(before), unknown=1)
    done = ask.create(Admission(CACHE, V1, default=become), raw)
    assert done.allowed
    assert models.decode(done.spec, Spec) == after
    assert done.spec["unknown"] == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(alphabet="ab/~0", max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@budget(60, 5000)
@given(st.dictionaries(st.text(max_size=2), JSON), st.dictionaries(st.text(max_size=2), JSON))
def test_a_difference_makes_the_one_of_the_other(before: Any, after: Any) -> None:
    obj = copy.deepcopy(before)
    for each in patches.difference(before, after):
        ask.apply(obj, each)
    assert json.dumps(obj, sort_keys=True) == json.dumps(after, sort_keys=True)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "it has no function"),
        ({"validate": validate, "timeout": 31}, "a timeout of 31 s is not possible"),
        ({"validate": validate, "failure_policy": "Maybe"}, "'Maybe' is not one of Kubernetes'"),
    ],
)
def test_an_admission_that_cannot_be_is_refused(arguments: Any, why: str) -> None:
    with pytest.raises(KopfkitError, match=why):
        Admission(CACHE, V1, **arguments)


def test_a_version_of_something_else_is_refused() -> None:
    other = msgspec.structs.force_setattr  # anything but a version of the kind
    with pytest.raises(KopfkitError, match="has no version v1 like this"):
        Admission(CACHE, type("V", (), {"name": "v1", "spec": other})(), validate=validate)


def test_an_operator_takes_one_admission_for_each_kind_that_it_reconciles() -> None:
    controller = Controller(CACHE, V1)
    assert Operator("caches", "1.0.0", [controller], admission=ADMISSION).admission == (ADMISSION,)
    with pytest.raises(KopfkitError, match="two admissions are given for Cache"):
        Operator("caches", "1.0.0", [controller], admission=[ADMISSION, ADMISSION])
    of = replace(CACHE, kind="Other", plural="others")
    with pytest.raises(KopfkitError, match="no controller reconciles Other"):
        Operator("c", "1.0.0", [controller], admission=Admission(of, V1, validate=validate))


def test_a_path_of_no_field_is_no_reason_to_stumble() -> None:
    def odd(obj: Cache, old: Cache | None) -> Iterator[FieldError]:
        for path in ("", "spec.ports[9].number", "spec.ports[x]", "a..b", "[", "spec[image]"):
            yield FieldError(path, "is odd")

    done = ask.update(Admission(CACHE, V1, validate=odd), cache(), cache(size=2))
    assert done.allowed
    assert len(done.warnings) == 6
