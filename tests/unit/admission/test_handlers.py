"""kopf's admission handlers in the webhook's process: asked as kopf asks them."""

from typing import Any

import kopf
import pytest

from kopfkit.controller import Controller, Operator
from kopfkit.errors import KopfkitError
from kopfkit.testing import admission as ask

from .caches import ADMISSION, CACHE, V1, cache

NAMED = ("cache.example.com", "v1", "caches")


@pytest.fixture
def registry() -> kopf.OperatorRegistry:
    return kopf.OperatorRegistry()


def operator(registry: kopf.OperatorRegistry, **more: Any) -> Operator:
    return Operator("cache-operator", "1.0.0", [Controller(CACHE, V1)], registry=registry, **more)


def test_handlers_set_and_refuse_what_is_written(registry: kopf.OperatorRegistry) -> None:
    @kopf.on.mutate(*NAMED, registry=registry)
    def fill(spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> None:
        if not spec.get("image"):
            patch.spec["image"] = "memcached:1.6"

    @kopf.on.validate(*NAMED, registry=registry)
    async def check(
        spec: kopf.Spec, old: Any, warnings: list[str], dryrun: bool, operation: str, **_: Any
    ) -> None:
        warnings.append(f"{operation} {dryrun}")
        if spec.get("size", 1) > 9:
            raise kopf.AdmissionError("size must be 9 at most", code=422)
        if old is not None and spec.get("size", 1) < old["spec"].get("size", 1):
            raise kopf.AdmissionError("size must not shrink")
        if spec.get("size") == 7:
            raise KeyError("mistake")

    (found,) = operator(registry).admission
    assert [(each.purpose, each.operations, each.failure_policy) for each in found.hooks] == [
        ("mutate", ("CREATE", "UPDATE"), "Fail"),
        ("validate", ("CREATE", "UPDATE", "DELETE"), "Fail"),
    ]
    done = ask.create(found, cache())
    assert (done.spec["image"], done.warnings) == ("memcached:1.6", ["CREATE False"])
    done = ask.create(found, cache(size=10))
    assert (done.allowed, done.message) == (False, "size must be 9 at most")
    assert ask.update(found, cache(size=3), cache(size=2)).message == "size must not shrink"
    assert ask.delete(found, cache()).allowed
    done = ask.create(found, cache(size=7))
    assert (done.allowed, "Traceback" in done.message) == (False, False)


def test_operations_and_failure_policy_are_the_handlers(registry: kopf.OperatorRegistry) -> None:
    @kopf.on.validate(*NAMED, operations=["DELETE"], ignore_failures=True, registry=registry)
    def keep(**_: Any) -> None:
        raise kopf.AdmissionError("stays")

    (found,) = operator(registry).admission
    (hook,) = found.hooks
    assert (hook.operations, hook.failure_policy) == (("DELETE",), "Ignore")
    assert ask.delete(found, cache()).message == "stays"
    assert ask.create(found, cache()).allowed


@pytest.mark.parametrize(
    ("selector", "more", "why"),
    [
        (("apps", "v1", "deployments"), {}, "is not one of the operator's kinds \\(Cache\\)"),
        (NAMED, {"subresource": "scale"}, "is for the subresource scale"),
        (NAMED, {"side_effects": True}, "has side effects"),
    ],
)
def test_a_handler_that_cannot_be_registered_is_refused(
    registry: kopf.OperatorRegistry, selector: Any, more: Any, why: str
) -> None:
    @kopf.on.validate(*selector, registry=registry, **more)
    def check(**_: Any) -> None:
        pass

    with pytest.raises(KopfkitError, match=why):
        _ = operator(registry).admission


def test_a_kind_has_one_or_the_other(registry: kopf.OperatorRegistry) -> None:
    @kopf.on.validate(*NAMED, registry=registry)
    def check(**_: Any) -> None:
        pass

    with pytest.raises(KopfkitError, match="Cache has an Admission, and kopf's handlers"):
        _ = operator(registry, admission=ADMISSION).admission


def test_without_such_handlers_there_is_no_webhook(registry: kopf.OperatorRegistry) -> None:
    @kopf.on.create(*NAMED, registry=registry)
    def create(**_: Any) -> None:
        pass

    made = operator(registry)
    assert made.admission == ()
    assert not made.has_webhook
