"""Answers to whatever is sent, and to whatever an operator's function does."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.admission import answering
from kopfkit.admission.answering import Answerer
from kopfkit.admission.hooks import Hook, webhook_name
from kopfkit.admission.review import Outcome, Request
from kopfkit.controller import Admission, FieldError
from kopfkit.testing import admission as ask

from .caches import ADMISSION, CACHE, V1, Cache, cache

MUTATE, VALIDATE = ADMISSION.hooks


def hook(policy: Any = "Fail") -> Hook:
    return Hook("validate", "cache.example.com", "v1", "caches", "Cache", failure_policy=policy)


def answer(decide: Callable[[Request], Outcome], body: bytes, policy: str = "Fail") -> Any:
    """The response to one body."""

    async def once() -> bytes:
        return await Answerer(hook(policy), decide)(body)

    return response(asyncio.run(once()))


def response(reply: bytes) -> Any:
    document = msgspec.json.decode(reply)
    assert (document["apiVersion"], document["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    found = document["response"]
    assert isinstance(found["allowed"], bool)
    assert found["allowed"] or found["status"]["message"]
    return found


def body(operation: str = "CREATE", **more: Any) -> bytes:
    return msgspec.json.encode(ask.review(ADMISSION, operation, cache(), cache(), **more))


def passes(_: Request) -> Outcome:
    return Outcome()


def test_a_refusal_is_a_status_as_kubernetes_own_validation_gives_it() -> None:
    sent = msgspec.json.encode(ask.review(ADMISSION, "CREATE", cache(image="a b", size=-1)))
    found = answer(partial(ADMISSION.review, "validate"), sent)
    assert found["uid"] == "705ab4f5-6393-11e8-b7cc-42010a800002"
    status = found["status"]
    assert (status["status"], status["reason"], status["code"]) == ("Failure", "Invalid", 422)
    assert status["details"] == {
        "name": "a",
        "group": "cache.example.com",
        "kind": "Cache",
        "causes": [
            {
                "reason": "FieldValueInvalid",
                "message": "must not have spaces: write name:tag",
                "field": "spec.image",
            },
            {
                "reason": "FieldValueInvalid",
                "message": "must not be negative",
                "field": "spec.size",
            },
        ],
    }


def raises(error: BaseException) -> Callable[[Request], Outcome]:
    def decide(_: Request) -> Outcome:
        raise error

    return decide


@pytest.mark.parametrize(
    "error", [KeyError("secret"), RecursionError(), SystemExit(3), StopIteration(), TimeoutError()]
)
def test_a_function_that_raises_is_told_without_its_traceback_and_the_policy_decides(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    failed = answer(raises(error), body())
    assert (failed["allowed"], failed["status"]["code"]) == (False, 500)
    assert failed["status"]["message"].startswith("cannot validate this Cache: the operator's")
    assert "secret" not in failed["status"]["message"]
    assert "Traceback" not in failed["status"]["message"]
    passed = answer(raises(error), body(), "Ignore")
    assert passed["allowed"]
    assert passed["warnings"][0].startswith("cannot validate this Cache: the operator's function")
    assert {each.levelno for each in caplog.records} == {logging.ERROR}


async def test_functions_that_hang_hold_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "PLACES", 2)
    over = threading.Event()

    def hang(_: Request) -> Outcome:
        over.wait()
        return Outcome()

    hanging = Answerer(hook(), hang, deadline=0.01)
    replies = [
        response(each) for each in await asyncio.gather(*(hanging(body()) for _ in range(5)))
    ]
    assert [each["allowed"] for each in replies] == [False] * 5
    assert all("did not finish within 0.0 s" in each["status"]["message"] for each in replies)
    assert [each.name for each in threading.enumerate()].count(hook().path) == 2
    assert response(await Answerer(hook(), passes)(body()))["allowed"]
    over.set()
    patient = Answerer(hook(), hang)
    assert response(await patient(body()))["allowed"]


async def test_every_answer_is_counted_once_by_its_result() -> None:
    told: list[tuple[str, str]] = []

    def count(webhook: str, result: str) -> None:
        told.append((webhook, result))

    fine = Answerer(hook(), partial(ADMISSION.review, "validate"), told=count)
    await fine(body())
    await fine(msgspec.json.encode(ask.review(ADMISSION, "CREATE", cache(image="a b"))))
    await fine(b"junk")
    await fine(body(), "is larger than 7 bytes")
    await Answerer(hook("Ignore"), raises(KeyError("x")), told=count)(body())
    name = "validate.caches.cache.example.com"
    results = ["allowed", "denied", "refused", "undecided", "undecided"]
    assert told == [(name, each) for each in results]


def test_other_requests_pass() -> None:
    decide = partial(ADMISSION.review, "validate")
    for more in ({"subResource": "status"}, {"operation": "CONNECT"}, {"operation": "DELETE"}):
        assert answer(decide, body(**more))["allowed"], more
    assert answer(decide, body(dryRun=True))["allowed"]


def test_another_version_than_the_registered_one_is_not_guessed_at() -> None:
    kind = {"group": "cache.example.com", "version": "v9", "kind": "Cache"}
    found = answer(partial(ADMISSION.review, "validate"), body(kind=kind))
    assert "cache.example.com/v9 Cache is not cache.example.com/v1" in found["status"]["message"]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"junk",
        b"[]",
        b'{"request": 7}',
        b'{"request": {"uid": 7}}',
        b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1", "request": '
        b'{"uid": "u-1"}}',
        b"[" * 100000,
    ],
)
def test_what_is_no_review_is_answered_by_the_policy(sent: bytes) -> None:
    assert not answer(passes, sent)["allowed"]
    assert answer(passes, sent, "Ignore")["allowed"]


def test_texts_of_a_function_are_one_line_and_bounded() -> None:
    def wild(obj: Cache, old: Cache | None) -> Iterator[FieldError]:
        for number in range(1000):
            yield FieldError(f"spec.ports[{number}]", "\ud800\r\nX-Evil: 1" + "x" * 5000)

    admission = Admission(CACHE, V1, validate=wild)
    found = answer(partial(admission.review, "validate"), body())
    causes = found["status"]["details"]["causes"]
    assert len(causes) == 100
    assert all(len(each["message"]) == 2048 and each["message"].isprintable() for each in causes)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["uid", "kind", "operation", "name", "namespace", "subResource", "object", "oldObject"]
)
OBJECTS = st.builds(
    dict,
    metadata=VALUES | st.dictionaries(st.sampled_from(["name", "labels", "generation"]), VALUES),
    spec=VALUES
    | st.dictionaries(st.sampled_from(["image", "size", "storage", "ports", "labels"]), VALUES),
    status=VALUES,
)


@budget(60, 20000)
@given(
    st.dictionaries(FIELDS, VALUES | OBJECTS, max_size=3),
    st.sampled_from(["CREATE", "UPDATE", "DELETE"]),
    OBJECTS,
    OBJECTS,
)
def test_no_review_makes_it_stumble(more: Any, operation: str, new: Any, old: Any) -> None:
    sent = {"operation": operation, "object": new, "oldObject": old, **more}
    for one in ADMISSION.hooks:
        decide = partial(ADMISSION.review, one.purpose)
        found = answer(decide, body(**sent))
        if found["allowed"] or found["status"]["code"] != 500:
            assert found["uid"] == (more.get("uid") or found["uid"])
        else:
            # Not our function's fault: the request is none that an API server sends.
            assert "the operator's function failed" not in found["status"]["message"]


@budget(300, 20000)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_stumble(sent: bytes) -> None:
    answer(partial(ADMISSION.review, "validate"), sent)


def test_names_are_what_the_api_server_and_olm_take() -> None:
    assert VALIDATE.name == "validate.caches.cache.example.com"
    assert MUTATE.path == "/mutate-cache-example-com-v1-cache"
    long = webhook_name("validate", "w" * 60 + ".example.com")
    assert len(long) <= 63
    assert long.count(".") >= 2
    assert long != webhook_name("validate", "v" * 60 + ".example.com")
