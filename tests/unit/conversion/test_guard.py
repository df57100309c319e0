"""Which conversion is carried over, and that every request is allowed."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kopfkit.conversion import guard


def crd(strategy: Any = "Webhook", bundle: Any = "Q0E=", service: str = "a") -> dict[str, Any]:
    client = {"service": {"name": service}, **({} if bundle is None else {"caBundle": bundle})}
    return {"spec": {"conversion": {"strategy": strategy, "webhook": {"clientConfig": client}}}}


def review(old: Any, new: Any) -> bytes:
    request = {"uid": "u", "name": "things.example.com", "oldObject": old, "object": new}
    return json.dumps({"kind": guard.KIND, "request": request}).encode()


def answered(body: bytes) -> dict[str, Any]:
    reply = msgspec.json.decode(guard.answer(body).body)
    assert (reply["apiVersion"], reply["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert reply["response"]["allowed"] is True
    found: dict[str, Any] = reply["response"]
    return found


@pytest.mark.parametrize("missing", [None, ""])
def test_a_webhook_without_an_authority_keeps_the_old_conversion(missing: Any) -> None:
    old, new = crd(), crd(bundle=missing, service="b")
    assert guard.kept(old, new) == old["spec"]["conversion"]
    response = answered(review(old, new))
    assert response["uid"] == "u"
    assert response["patchType"] == "JSONPatch"
    assert json.loads(base64.b64decode(response["patch"])) == [
        {"op": "add", "path": "/spec/conversion", "value": old["spec"]["conversion"]}
    ]
    verdict = guard.answer(review(old, new))
    assert verdict.kept == "things.example.com"
    assert verdict.change == "keeps its conversion, the new one trusts nobody"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (crd(), crd()),
        (crd(), crd(bundle="T3RoZXI=")),
        (crd(), {"spec": {"conversion": {"strategy": "None"}}}),
        (crd(), {"spec": {}}),
        (crd(), crd(strategy="None", bundle=None)),
        (crd(bundle=None), crd(bundle=None)),
        (crd(bundle=""), crd(bundle=None)),
        ({"spec": {"conversion": {"strategy": "None"}}}, crd(bundle=None)),
        (crd(strategy="None"), crd(bundle=None)),
        (None, crd(bundle=None)),
        (crd(), None),
        ([], "x"),
    ],
)
def test_everything_else_is_let_be(old: Any, new: Any) -> None:
    assert guard.kept(old, new) is None
    assert answered(review(old, new)) == {"uid": "u", "allowed": True}


def authority(text: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"


def bundle(*names: str) -> str:
    return base64.b64encode("".join(map(authority, names)).encode()).decode()


def test_the_authority_before_stays_trusted_beside_a_new_one() -> None:
    old, new = crd(bundle=bundle("A")), crd(bundle=bundle("B"))
    change = guard.changes(old, new)
    assert change is not None
    assert change.what == "trusts the authority before beside the new one"
    (patch,) = change.patch
    assert patch["path"] == "/spec/conversion/webhook/clientConfig/caBundle"
    found = base64.b64decode(patch["value"]).decode()
    assert [line for line in found.split() if len(line) == 1] == ["B", "A"]


def test_the_same_authority_written_again_does_not_drop_the_one_before() -> None:
    old, new = crd(bundle=bundle("B", "A")), crd(bundle=bundle("B"))
    found = base64.b64decode(guard.trusted(old, new) or "").decode()
    assert [line for line in found.split() if len(line) == 1] == ["B", "A"]


def test_a_third_authority_takes_the_place_of_the_first() -> None:
    old, new = crd(bundle=bundle("B", "A")), crd(bundle=bundle("C"))
    found = base64.b64decode(guard.trusted(old, new) or "").decode()
    assert [line for line in found.split() if len(line) == 1] == ["C", "B"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (crd(bundle=bundle("A")), crd(bundle=bundle("A"))),
        (crd(bundle=bundle("A")), crd(bundle=bundle("B", "C"))),
        (crd(bundle=bundle("A")), crd(bundle=bundle("B"), service="another")),
        (crd(bundle="no base64"), crd(bundle=bundle("B"))),
        (crd(bundle=bundle("A")), crd(bundle="T3RoZXI=")),
        (crd(strategy="None", bundle=bundle("A")), crd(bundle=bundle("B"))),
    ],
)
def test_who_says_whom_to_trust_is_believed(old: Any, new: Any) -> None:
    assert guard.changes(old, new) is None


def stored(strategy: str, *stored: str, served: bool = True) -> dict[str, Any]:
    versions = [
        {"name": "v1", "served": True, "storage": True},
        {"name": "v1alpha1", "served": served, "storage": False},
    ]
    spec = {"versions": versions, **crd(strategy)["spec"]}
    return {"spec": spec, "status": {"storedVersions": list(stored)}}


def test_an_uninstall_ends_what_could_not_be_served_without_a_conversion() -> None:
    old, new = stored("Webhook", "v1"), stored("None", "v1")
    response = answered(review(old, new))
    assert json.loads(base64.b64decode(response["patch"])) == [
        {"op": "replace", "path": "/spec/versions/1/served", "value": False}
    ]
    said = guard.answer(review(old, new)).change
    assert said == "serves v1alpha1 no longer, nothing converts any more"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (stored("Webhook", "v1alpha1", "v1"), stored("None", "v1alpha1", "v1")),
        ({**stored("Webhook"), "status": {}}, stored("None", "v1")),
        (stored("Webhook", "v1"), stored("Webhook", "v1")),
        (stored("None", "v1"), stored("None", "v1")),
        (stored("Webhook", "v1"), stored("None", "v1", served=False)),
        (stored("Webhook", "v1", served=False), stored("None", "v1", served=False)),
    ],
)
def test_what_is_no_uninstall_or_cannot_be_made_safe_is_let_be(old: Any, new: Any) -> None:
    assert guard.changes(old, new) is None


NAMES = [
    "request",
    "uid",
    "object",
    "oldObject",
    "name",
    "spec",
    "conversion",
    "strategy",
    "webhook",
    "clientConfig",
    "caBundle",
    "versions",
    "served",
    "storage",
    "status",
    "storedVersions",
]
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["Webhook", "None"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES) | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_answered_with_permission(value: Any) -> None:
    answered(json.dumps(value).encode())


@given(JSON, JSON)
def test_any_two_objects_are_answered_with_permission(old: Any, new: Any) -> None:
    assert answered(review(old, new))["uid"] == "u"


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_with_permission(body: bytes) -> None:
    answered(body)


def test_a_request_that_breaks_off_is_answered_under_its_uid() -> None:
    body = review(crd(), crd())[:60]
    assert b'"uid": "u"' in body
    assert answered(body) == {"uid": "u", "allowed": True}
    assert "not JSON" in guard.answer(body).problem


def test_nesting_without_end_is_answered() -> None:
    answered(b'{"request": {"uid": "u", "object": ' + b"[" * 100_000)
