"""Operators put together: mistakes are told at the start, and rights follow from the tables."""

import asyncio
import subprocess
import sys
from typing import Annotated, Any

import pytest
from click.testing import CliRunner
from msgspec import Meta, Struct

from kopfkit.controller import Context, Controller, Object, Operator, assembly, rollout
from kopfkit.controller.kinds import CONFIG_MAPS, DEPLOYMENTS, JOBS, SECRETS, Kind
from kopfkit.controller.serving import Primary, Serving
from kopfkit.controller.stores import OwnedStore
from kopfkit.conversion import Converter, Spoke
from kopfkit.crd import ConditionedStatus, CustomResource, Version
from kopfkit.errors import KopfkitError
from kopfkit.project import Alert, derived
from kopfkit.runtime.api.errors import NotFound
from kopfkit.runtime.api.resources import Resource
from kopfkit.runtime.api.views import ViewingClient
from kopfkit.runtime.manager.kopfsettings import Watched
from kopfkit.testing.reconcile import reconcile as run_one


class Spec(Struct):
    """A box."""

    size: Annotated[int, Meta(description="How large it is.")] = 1


V1 = Version("v1", Spec, ConditionedStatus, "A box.", storage=True)
OLD = Version("v1alpha1", Spec, ConditionedStatus, "A box.")
BOX = CustomResource("example.com", "Box", "boxes", [V1, OLD])


def older(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "spec": {"size": 7}}


CONVERTER = Converter(
    group="example.com",
    kind="Box",
    hub="v1",
    spokes=[Spoke("v1alpha1", to_hub=older, from_hub=older)],
    annotation="example.com/data",
)


async def reconcile(box: Object[Spec, ConditionedStatus], ctx: Context) -> None:
    return None


def boxes(**more: Any) -> Controller[Spec, ConditionedStatus]:
    return Controller(BOX, V1, reconcile=reconcile, **more)


def test_two_controllers_of_one_kind_are_refused() -> None:
    with pytest.raises(KopfkitError, match="two controllers reconcile Box"):
        Operator("o", "1", [boxes(), boxes()])


def test_a_version_that_the_resource_has_not_is_refused() -> None:
    other = Version("v2", Spec, ConditionedStatus, "A box.")
    with pytest.raises(KopfkitError, match="Box has no version v2"):
        Controller(BOX, other, reconcile=reconcile)


def test_a_controller_of_another_version_than_the_hub_is_refused() -> None:
    with pytest.raises(KopfkitError, match="uses v1alpha1, and the hub is v1"):
        Operator("o", "1", [Controller(BOX, OLD, reconcile=reconcile)], conversion=CONVERTER)


def rights(*controllers: Controller[Any, Any]) -> dict[str, set[str]]:
    return {
        "/".join(filter(None, (use.resource.plural, use.subresource))): set(use.verbs)
        for use in Operator("o", "1", controllers).uses()
    }


def test_rights_are_those_of_what_is_owned_and_watched() -> None:
    read = {"get", "list", "watch"}
    assert rights(boxes()) == {"boxes": read, "boxes/status": {"patch"}}
    owning = boxes().owns(DEPLOYMENTS).owns(CONFIG_MAPS, prune=True).owns(JOBS, immutable=True)
    assert rights(owning.watches(SECRETS)) == {
        "boxes": read,
        "boxes/status": {"patch"},
        "boxes/finalizers": {"update"},
        "deployments": read | {"create", "patch"},
        "configmaps": read | {"create", "patch", "delete"},
        "jobs": read | {"create"},
        "secrets": read,
    }


def test_a_kind_that_is_owned_and_reconciled_is_watched_once_and_concerns_both() -> None:
    lids = CustomResource("example.com", "Lid", "lids", [V1])
    owning = boxes().owns(Kind("example.com", "v1", "lids", "Lid"))
    found = assembly.sources("o", [owning, Controller(lids, V1, reconcile=reconcile)])
    names = [each.watched.resource.plural for each in found]
    assert sorted(names) == ["boxes", "lids"]
    source = found[names.index("lids")]
    reference = {"apiVersion": "example.com/v1", "kind": "Box", "name": "b", "controller": True}
    lid = {"metadata": {"name": "l", "namespace": "ns", "ownerReferences": [reference]}}
    concerned = {(of.plural, key) for of, key in source.concerns(("ns", "l"), [lid])}
    assert {("boxes", ("ns", "b")), ("lids", ("ns", "l"))} <= concerned
    assert source.watched.labels == ""


def test_what_an_object_names_reconciles_it() -> None:
    watching = boxes().watches(SECRETS, named_by=lambda box: [f"secret-{box.spec.size}"])
    found = assembly.sources("o", [watching])
    (source,) = (each for each in found if each.watched.resource.plural == "secrets")
    secret = {"metadata": {"name": "secret-3", "namespace": "ns"}}
    assert not list(source.concerns(("ns", "secret-3"), [secret]))
    metadata = {"name": "b", "namespace": "ns"}
    done = run_one(watching, {"metadata": metadata, "spec": {"size": 3}})
    assert done.condition("Degraded")[0] == "False"
    concerned = list(source.concerns(("ns", "secret-3"), [secret]))
    assert concerned == [(watching.resource, ("ns", "b"))]


def test_what_is_watched_reconciles_whom_it_leads_to() -> None:
    watching = boxes().watches(SECRETS, to=lambda secret: [secret["metadata"]["labels"]["box"]])
    found = assembly.sources("o", [watching.owns(SECRETS)])
    (source,) = (each for each in found if each.watched.resource.plural == "secrets")
    assert source.watched.labels == ""  # more than our own are looked at
    secret = {"metadata": {"name": "s", "namespace": "ns", "labels": {"box": "b"}}}
    concerned = set(source.concerns(("ns", "s"), [secret]))
    # The second one is an owned object's, which may stand in the way of a child.
    assert concerned == {(watching.resource, ("ns", "b")), (watching.resource, ("ns", "s"))}


def test_a_conversion_brings_its_webhook_and_its_rights() -> None:
    plain, converting = (
        Operator("o", "1", [boxes()], conversion=each) for each in (None, CONVERTER)
    )
    names = [each.name for each in derived.deployments(converting)]
    assert names == ["o", "o-webhook"]
    assert derived.conversion(plain) is None
    alerts = [
        {each.name for each in derived.monitoring(operator, "https://example.com").alerts}
        for operator in (plain, converting)
    ]
    assert {"OAbsent", "OQueueSlow"} <= alerts[0]
    assert alerts[1] - alerts[0] >= {"OConversionFailing", "OCertificateExpires"}
    more = {each.name for each in derived.permissions(converting)}
    assert more - {each.name for each in derived.permissions(plain)} == {
        "storage-migration",
        "conversion-protection",
    }


def test_an_operators_own_alerts_come_beside_those_that_any_operator_has() -> None:
    own = Alert("Mine", "up == 0", 5, "warning", "Something.", "It is.")
    repository, pages = "https://example.com", "https://example.com/pages"
    found = derived.monitoring(Operator("o", "1", [boxes()]), repository, own=[own], runbooks=pages)
    assert found.alerts[-1] == own
    assert found.alerts[0].name == "OAbsent"
    assert (found.runbooks, found.generated) == (
        pages,
        f"{repository}/blob/main/{derived.RUNBOOKS}",
    )


def test_the_command_line_has_what_the_operator_has() -> None:
    for operator, names in (
        (Operator("o", "1", [boxes()]), {"run"}),
        (Operator("o", "1", [boxes()], conversion=CONVERTER), {"run", "webhook"}),
    ):
        commands = operator.commands()
        assert set(commands.commands) == names
        done = CliRunner().invoke(commands, ["--version"])
        assert done.output == "o, version 1\n"


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys, kopfkit.controller, kopfkit.controller.settings\n"
        "found = {'aiohttp', 'kopf', 'click', 'pydantic', 'prometheus_client'} & set(sys.modules)\n"
        "assert not found, found\n"
        "from kopfkit.controller import Operator, Controller, Object, Context, Result, rollout\n"
        "found = {'kopf', 'pydantic', 'kopfkit.project', 'kopfkit.cli'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Served(ViewingClient):
    """An API server that serves these versions of boxes."""

    def __init__(self, *served: str) -> None:
        self.served, self.views = served, {}
        self.more: list[Any] = []

    async def request(self, method: str, path: str, **_: Any) -> Any:
        if path.rpartition("/")[2] not in self.served:
            raise NotFound(path)
        return {"resources": [{"name": "boxes"}, *self.more]}


async def test_an_older_version_is_read_as_the_newer_where_no_other_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kopfkit.controller.serving._LOOK", 0.0)
    client, resource = Served("v1alpha1"), Resource("example.com", "v1", "boxes")
    late = Resource("example.com", "v1", "lids")
    primaries = [Primary(resource, "Box", {"v1alpha1": older}), Primary(late, "Lid")]
    watched = [Watched(resource), Watched(late)]
    serving = Serving(client, primaries, watched, asyncio.Event())
    await serving.wait()

    old = Resource("example.com", "v1alpha1", "boxes")
    assert [each.resource for each in serving.watched] == [old]
    assert not serving.serves(late)
    assert serving.seen(old, "ADDED", {}) == (resource, "ADDED", {"spec": {"size": 7}})
    client.served, client.more = ("v1",), [{"name": "lids"}]
    with pytest.raises(KopfkitError, match="is no longer served, and v1 is"):
        await serving.wait()


def child(name: str, owner: str, version: int = 1) -> dict[str, Any]:
    reference = {"controller": True, "uid": owner}
    metadata = {"namespace": "ns", "name": name, "resourceVersion": str(version)}
    return {"metadata": {**metadata, "ownerReferences": [reference] if owner else []}}


def test_children_are_found_by_their_owner_until_they_go_or_change_it() -> None:
    store = OwnedStore()

    def found(owner: str) -> list[str]:
        return [each["metadata"]["name"] for each in store.owned_by(owner)]

    store.put(child("b", "one"))
    store.put(child("a", "one"))
    assert found("one") == ["a", "b"]
    store.put(child("a", "two", 2))
    assert (found("one"), found("two")) == (["b"], ["a"])
    store.drop(child("b", "one", 3))
    store.replace([child("a", "", 4)], "5")
    assert (found("one"), found("two")) == ([], [])


@pytest.mark.parametrize(
    ("status", "reason", "complete"),
    [
        ({}, "RollingOut", False),
        (
            dict.fromkeys(("replicas", "availableReplicas", "updatedReplicas"), 1)
            | {"observedGeneration": 2},
            "RolloutComplete",
            True,
        ),
        (
            dict.fromkeys(("replicas", "availableReplicas", "updatedReplicas"), 1)
            | {"observedGeneration": 1},
            "RollingOut",
            False,
        ),
        (
            {"conditions": [{"type": "Progressing", "status": "False", "message": "late"}]},
            "RolloutStuck",
            False,
        ),
        (
            {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "quota"}]},
            "PodsRefused",
            False,
        ),
    ],
)
def test_a_rollout_is_read_as_kubectl_does(status: Any, reason: str, complete: bool) -> None:
    found = rollout({"metadata": {"generation": 2}, "spec": {}, "status": status})
    assert (found.reason, found.complete) == (reason, complete)
