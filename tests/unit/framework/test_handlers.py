"""kopf's handlers beside controllers: which rights they take, and which are refused."""

import logging
from types import SimpleNamespace
from typing import Any

import kopf
import pytest
from msgspec import Struct

from kopfkit.controller import Context, Controller, Object, Operator
from kopfkit.controller.errors import Vanished
from kopfkit.controller.handlerchildren import HandlerChildren
from kopfkit.controller.kinds import CONFIG_MAPS
from kopfkit.crd import ConditionedStatus, CustomResource, Version
from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.errors import Conflict, NotKnownYet, Unavailable
from kopfkit.runtime.api.resources import Resource
from kopfkit.runtime.api.rights import Use


class Spec(Struct):
    """A box."""


V1 = Version("v1", Spec, ConditionedStatus, "A box.", storage=True)
BOX = CustomResource("example.com", "Box", "boxes", [V1])
READ = {"get", "list", "watch"}


async def reconcile(box: Object[Spec, ConditionedStatus], ctx: Context) -> None:
    return None


def rights(registry: Any, controllers: Any = None, **more: Any) -> dict[str, set[str]]:
    controllers = controllers or [Controller(BOX, V1, reconcile=reconcile)]
    found: dict[str, set[str]] = {}
    for use in Operator("o", "1", controllers, registry=registry, **more).uses():
        of = use.resource
        name = "/".join(filter(None, (of.group, of.plural, use.subresource)))
        found.setdefault(name, set()).update(use.verbs)
    return found


def handled(registry: Any, *selector: str, on: Any = kopf.on.create, **more: Any) -> None:
    @on(*selector, registry=registry, **more)
    def handler(**_: Any) -> None:
        pass


def test_handlers_of_the_operators_own_kind_may_patch_it_and_tell_events() -> None:
    registry = kopf.OperatorRegistry()
    handled(registry, "boxes")
    found = rights(registry)
    assert found["example.com/boxes"] == READ | {"patch"}
    assert found["example.com/boxes/status"] == {"patch"}
    assert found["events"] == {"create"}


def test_handlers_that_only_look_may_only_read() -> None:
    registry = kopf.OperatorRegistry()
    handled(registry, "v1", "configmaps", on=kopf.on.event)
    handled(registry, "apps", "v1", "deployments", on=kopf.index)
    found = rights(registry)
    assert found["configmaps"] == found["apps/deployments"] == READ
    assert "events" not in found


def test_daemons_and_timers_of_others_kinds_may_patch_them() -> None:
    registry = kopf.OperatorRegistry()
    handled(registry, "cache.example.org", "v1", "caches", on=kopf.daemon)
    handled(registry, "batch", "v1", "jobs", on=kopf.timer, interval=1)
    found = rights(registry)
    assert found["cache.example.org/caches"] == READ | {"patch"}
    assert found["cache.example.org/caches/status"] == {"patch"}
    assert found["batch/jobs"] == READ | {"patch"}
    assert "batch/jobs/status" not in found


def test_without_a_reconcile_the_operator_reads_its_objects_and_makes_what_it_owns() -> None:
    found = rights(kopf.OperatorRegistry(), controllers=[Controller(BOX, V1).owns(CONFIG_MAPS)])
    assert found == {
        "example.com/boxes": READ,
        "example.com/boxes/finalizers": {"update"},
        "configmaps": READ | {"create", "patch"},
    }
    with pytest.raises(KopfkitError, match="it has a finalize and no reconcile"):
        Controller(BOX, V1, finalize=reconcile)


async def test_memo_apply_is_for_kinds_without_a_reconcile() -> None:
    children = HandlerChildren({})
    owner = {"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": "one"}}
    with pytest.raises(KopfkitError, match="no controller of that kind, or it has a reconcile"):
        await children.apply({"apiVersion": "v1", "kind": "ConfigMap"}, owner=owner)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotKnownYet("cannot find RESTMapping"), "ConfigMap: cannot find RESTMapping"),
        (Unavailable("no route to host"), "ConfigMap: no route to host"),
        (Conflict("it was changed"), "ConfigMap: it was changed"),
        (Vanished("its namespace is being deleted"), "the owner is gone"),
    ],
)
async def test_what_keeps_a_child_from_being_applied_is_tried_again_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    async def apply(self: Context, child: Any) -> None:
        raise error

    monkeypatch.setattr(Context, "apply", apply)
    parts: Any = SimpleNamespace(log=logging.getLogger("box"))
    owner = {"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": "one"}}
    with pytest.raises(kopf.TemporaryError, match=said):
        await HandlerChildren({("example.com", "Box"): parts}).apply(
            {"apiVersion": "v1", "kind": "ConfigMap"}, owner=owner
        )


@pytest.mark.parametrize("selector", [("pods",), ("apps", "Deployment"), (kopf.EVERYTHING,)])
def test_a_handler_whose_rights_cannot_be_derived_is_refused(selector: Any) -> None:
    registry = kopf.OperatorRegistry()
    handled(registry, *selector, id="look")
    with pytest.raises(KopfkitError, match=r"kopf's handler look selects .* no RBAC rules"):
        rights(registry)
    given = Use(Resource("", "v1", "pods"), ("get",))
    assert rights(registry, uses=[given])["pods"] == {"get"}


def test_the_default_registry_counts_once_somebody_has_used_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = kopf.OperatorRegistry()
    monkeypatch.setattr(kopf, "get_default_registry", lambda: registry)
    operator = Operator("o", "1", [Controller(BOX, V1, reconcile=reconcile)])
    assert operator.registry is None
    handled(registry, "boxes")
    assert operator.registry is registry
