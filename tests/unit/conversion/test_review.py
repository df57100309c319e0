"""Whatever is sent, a well-formed review comes back."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kopfkit.conversion import Converter, Spoke, answer, convert_review

CONVERTER = Converter(
    group="example.com",
    kind="Box",
    hub="v2",
    spokes=[Spoke("v1", to_hub=lambda content: content, from_hub=lambda content: content)],
    annotation="example.com/kept",
)


def box(name: str, version: str = "v1", **content: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"example.com/{version}",
        "kind": "Box",
        "metadata": {"name": name, "namespace": "ns"},
        **content,
    }


def review(*objects: Any, desired: Any = "example.com/v2", uid: Any = "u-1") -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": {"uid": uid, "desiredAPIVersion": desired, "objects": list(objects)},
    }


def assert_failure(result: dict[str, Any], *words: str, uid: str = "u-1") -> None:
    response = result["response"]
    assert result["apiVersion"] == "apiextensions.k8s.io/v1"
    assert result["kind"] == "ConversionReview"
    assert response["uid"] == uid
    assert response["convertedObjects"] == []
    assert response["result"]["status"] == "Failure"
    for word in words:
        assert word in response["result"]["message"]


def test_objects_come_back_converted_in_their_order_under_the_requests_uid() -> None:
    result = convert_review(review(box("a"), box("b", "v2"), box("c")), CONVERTER)
    assert result["response"] == {
        "uid": "u-1",
        "convertedObjects": [box("a", "v2"), box("b", "v2"), box("c", "v2")],
        "result": {"status": "Success"},
    }


def test_a_review_without_objects_succeeds() -> None:
    assert convert_review(review(), CONVERTER)["response"]["result"] == {"status": "Success"}


def test_one_bad_object_fails_the_review_and_is_named() -> None:
    bad = {**box("bad"), "apiVersion": "other.io/v1"}
    assert_failure(
        convert_review(review(box("a"), bad, box("c")), CONVERTER), "Box ns/bad", "other.io/v1"
    )


def test_of_many_bad_objects_the_first_few_are_named_and_the_rest_counted() -> None:
    bad = [{**box(f"n{number}"), "kind": "Tin"} for number in range(10)]
    assert_failure(convert_review(review(*bad), CONVERTER), "ns/n0", "ns/n2", "7 more objects")


@pytest.mark.parametrize(
    ("body", "uid", "word"),
    [
        (b"", "", "not JSON"),
        (b"{", "", "not JSON"),
        (b"\xff\xfe", "", "not JSON"),
        (b"[" * 100_000, "", "not JSON"),
        (b'{"request":{"uid":"u-9","objects":[', "u-9", "not JSON"),
        (None, "", "NoneType"),
        ([], "", "list"),
        ({}, "", "kind"),
        ({**review(), "kind": "AdmissionReview"}, "u-1", "AdmissionReview"),
        ({**review(), "apiVersion": "apiextensions.k8s.io/v1beta1"}, "u-1", "v1beta1"),
        ({**review(), "request": None}, "", "no request"),
        (review(uid=None), "", "uid"),
        (review(uid=7), "", "uid"),
        (review(desired=None), "u-1", "desiredAPIVersion"),
        (review(desired="example.com/v9"), "u-1", "example.com/v9"),
        (review(None), "u-1", "is not an object"),
        (review({"kind": 3, "metadata": {"name": 4}}), "u-1", "object 4"),
    ],
)
def test_what_is_not_a_review_is_answered_with_the_reason(body: Any, uid: str, word: str) -> None:
    assert_failure(convert_review(body, CONVERTER), word, uid=uid)


def test_a_review_with_an_empty_uid_is_not_answered_with_success() -> None:
    reply = answer(msgspec.json.encode(review(box("a"), uid="")), CONVERTER)
    assert_failure(msgspec.json.decode(reply.body), "uid", uid="")


def test_objects_that_are_not_a_list_are_answered_with_the_reason() -> None:
    body = review()
    body["request"]["objects"] = {"a": box("a")}
    assert_failure(convert_review(body, CONVERTER), "objects")


def test_bytes_are_answered_with_bytes() -> None:
    reply = answer(msgspec.json.encode(review(box("a"), box("b", "v2"))), CONVERTER)
    assert (reply.objects, reply.failure) == (2, "")
    assert reply.counts == {("v1", "v2", True): 1, ("v2", "v2", True): 1}
    assert msgspec.json.decode(reply.body)["response"]["convertedObjects"] == [
        box("a", "v2"),
        box("b", "v2"),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(st.binary(max_size=60) | JSON.map(msgspec.json.encode))
def test_no_bytes_whatever_make_it_raise(body: bytes) -> None:
    assert_failure(msgspec.json.decode(answer(body, CONVERTER).body), uid="")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "apiVersion": st.just("apiextensions.k8s.io/v1") | JSON,
            "kind": st.just("ConversionReview") | JSON,
            "request": JSON
            | st.fixed_dictionaries(
                {},
                optional={
                    "uid": st.just("u-1") | JSON,
                    "desiredAPIVersion": st.just("example.com/v2") | JSON,
                    "objects": JSON
                    | st.lists(
                        st.fixed_dictionaries(
                            {},
                            optional={
                                "apiVersion": st.just("example.com/v1") | JSON,
                                "kind": st.just("Box") | JSON,
                                "metadata": st.just({"name": "a"}) | JSON,
                                "spec": JSON,
                            },
                        ),
                        max_size=3,
                    ),
                },
            ),
        },
    )
)
def test_no_review_like_body_makes_it_raise(body: dict[str, Any]) -> None:
    text = msgspec.json.encode(body)
    tally: Counter[tuple[str, str, bool]] = Counter()
    given = answer(text, CONVERTER)
    reply = msgspec.json.decode(given.body)
    assert reply["response"]["result"]["status"] in ("Success", "Failure")
    assert isinstance(reply["response"]["uid"], str)
    # Answers are made of one object after the other, and must be those of the whole review.
    assert reply == convert_review(text, CONVERTER, tally)
    assert given.counts == tally
    assert given.objects == len(reply["response"]["convertedObjects"])


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (b'{"apiVersion":"example.com/v1","kind":"Box","metadata":{},"spec":"\\ud800"}', "JSON"),
        (b'{"apiVersion":"example.com/v1","kind":"Box","metadata":{},"spec":"\xff"}', "JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "JSON"),
        (b'{"kind":"Box"}', "apiVersion"),
        (b"7", "int"),
    ],
)
def test_one_object_that_cannot_be_read_fails_the_review_with_the_reason(
    bad: bytes, word: str
) -> None:
    text = msgspec.json.encode(review(box("a"), "here"))
    reply = answer(text.replace(b'"here"', bad), CONVERTER)
    assert_failure(msgspec.json.decode(reply.body), word)
    assert word in reply.failure


def test_what_a_converter_makes_and_json_cannot_hold_fails_the_review() -> None:
    broken = Converter(
        group="example.com",
        kind="Box",
        hub="v2",
        spokes=[
            Spoke(
                "v1",
                to_hub=lambda content: {**content, "spec": "\ud800"},
                from_hub=lambda content: {"spec": "a"},
            )
        ],
        annotation="example.com/kept",
    )
    reply = answer(msgspec.json.encode(review(box("a", spec="a"))), broken)
    assert_failure(msgspec.json.decode(reply.body), "cannot be written as JSON")


def test_a_large_body_that_is_no_review_is_not_unfolded_to_say_what_is_wrong() -> None:
    reply = answer(b"[" + b"[]," * 100_000 + b"1]", CONVERTER)
    assert reply.failure.startswith("the request is not a ConversionReview: Expected `object`")


def test_bad_objects_of_a_large_review_are_named_as_those_of_a_small_one() -> None:
    good = [box(f"n{number}", note="x" * 1000) for number in range(400)]
    bad = [{**box(f"bad{number}"), "kind": "Tin"} for number in range(5)]
    reply = answer(msgspec.json.encode(review(*good, *bad)), CONVERTER)
    assert "Tin ns/bad0" in reply.failure
    assert "and 2 more objects" in reply.failure
    assert reply.counts["v1", "v2", True] == 400
    assert reply.counts["v1", "v2", False] == 5


def test_an_object_nested_too_deeply_fails_the_review_and_no_more() -> None:
    deep = b'{"a":' * 3000 + b"1" + b"}" * 3000
    body = msgspec.json.encode(review(box("a"), box("b", spec=1)))
    failed = answer(body.replace(b'"spec":1', b'"spec":' + deep), CONVERTER)
    assert_failure(msgspec.json.decode(failed.body))
    assert answer(body, CONVERTER).objects == 2


def test_a_uid_that_looks_like_the_place_of_the_objects_is_only_a_uid() -> None:
    uid = '"convertedObjects":['
    reply = msgspec.json.decode(
        answer(msgspec.json.encode(review(box("a"), uid=uid)), CONVERTER).body
    )
    assert reply["response"]["uid"] == uid
    assert reply["response"]["convertedObjects"] == [box("a", "v2")]


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b"GET / HTTP/1.1", True),
        (b"[" * 300_000, True),
        (msgspec.json.encode({"kind": "AdmissionReview"}), True),
        (msgspec.json.encode(review(box("a"), desired="other.io/v1")), True),
        (msgspec.json.encode(review("junk", 7)), True),
        (msgspec.json.encode(review({"apiVersion": "other.io/v1", "kind": "Box"})), True),
        # What an API server may ask, with a newer CRD for example: it fails, and that is news.
        (msgspec.json.encode(review(box("a"), desired="example.com/v9")), False),
        (msgspec.json.encode(review(box("a", "v9"), "junk")), False),
        (msgspec.json.encode(review({**box("a"), "kind": "Tin"})), False),
    ],
)
def test_what_no_api_server_sends_is_refused_and_is_no_failed_conversion(
    body: bytes, refused: bool
) -> None:
    reply = answer(body, CONVERTER)

    assert reply.failure
    assert reply.refused is refused
    assert not answer(msgspec.json.encode(review(box("a"))), CONVERTER).refused
