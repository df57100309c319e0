"""Children brought to what is wanted, on an API server of a few lines that remembers objects."""

from typing import Any

import pytest

from helloworld_operator.api import v1
from helloworld_operator.controller import desired, helloworlds
from helloworld_operator.controller.desired import Desired
from helloworld_operator.controller.names import MANAGER
from kopfkit.controller import Refused, assembly, kinds
from kopfkit.controller.context import Context
from kopfkit.runtime.api.client import Resource
from kopfkit.runtime.api.errors import Conflict, Invalid, NotFound
from kopfkit.runtime.api.views import ViewingClient
from kopfkit.runtime.manager.store import key_of

OWNER: dict[str, Any] = {
    "apiVersion": "test.jiaozi.com/v1",
    "kind": "HelloWorld",
    "metadata": {"name": "x", "namespace": "ns", "uid": "u", "generation": 1},
    "status": {
        "observedGeneration": 1,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "RollingOut"}],
    },
}
CONTROLLER = helloworlds.controller(None)
HELLOWORLDS, SERVICES = CONTROLLER.resource, kinds.SERVICES.resource
AUTOSCALERS = kinds.HORIZONTAL_POD_AUTOSCALERS.resource
SERVICE, SCALER = desired.service, desired.autoscaler
WISH = Desired("x", v1.Spec(autoscaling=v1.Autoscaling(max_replicas=3)), "i:1")


class Server(ViewingClient):
    """Objects by resource and name; counts what is asked."""

    def __init__(self) -> None:
        self.objects: dict[tuple[Resource, str], Any] = {(HELLOWORLDS, "x"): OWNER}
        self.asked: list[str] = []
        self.version = 10
        self.fails: Exception | None = None

    def _keep(self, resource: Resource, body: Any) -> Any:
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version), "uid": "child"}
        self.objects[(resource, metadata["name"])] = {**body, "metadata": metadata}
        return self.objects[(resource, metadata["name"])]

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Any:
        self.asked.append(f"get {resource.plural}")
        try:
            return self.objects[(resource, name)]
        except KeyError:
            raise NotFound(name) from None

    async def create(self, resource: Resource, namespace: str | None, body: Any) -> Any:
        self.asked.append(f"create {resource.plural}")
        return self._keep(resource, body)

    async def apply(self, resource: Resource, namespace: str | None, body: Any) -> Any:
        self.asked.append(f"apply {resource.plural}")
        return self._keep(resource, body)

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Any
    ) -> Any:
        self.asked.append(f"patch {resource.plural}")
        return self.objects[(resource, name)]

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str
    ) -> None:
        self.asked.append(f"delete {resource.plural} {uid}")
        if self.fails is not None:
            raise self.fails
        self.objects.pop((resource, name), None)


class Events:
    def __init__(self) -> None:
        self.told: list[str] = []

    def normal(self, obj: Any, reason: str, note: str) -> None:
        self.told.append(reason)

    def warning(self, obj: Any, reason: str, note: str) -> None:
        self.told.append(reason)


class World:
    def __init__(self) -> None:
        self.events = Events()
        self.stores = assembly.new_stores(assembly.sources(MANAGER, [CONTROLLER]))
        self.stores[HELLOWORLDS].put(OWNER)
        self.serve(Server())

    def serve(self, server: "Server") -> None:
        self.server = server
        self.parts = assembly.parts(MANAGER, CONTROLLER, server, self.stores, self.events)
        self.children = self.parts.children

    def complete(self, build: Any, wish: Desired = WISH, owner: Any = OWNER) -> Any:
        """A child as it is applied, and the rules of its repair."""
        return self.parts.builder.applied(owner, build(wish))

    async def ensure(self, build: Any, wish: Desired = WISH, owner: Any = OWNER) -> Any:
        owned, wanted = self.complete(build, wish, owner)
        return await self.children.ensure(owner, owned, wanted, wanted)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_child_that_went_unseen_is_made_again_at_once(world: World) -> None:
    await world.ensure(SERVICE)
    del world.server.objects[(SERVICES, "x")]  # and no event told us
    other = Desired("x", v1.Spec(service=v1.Service(port=81)), "i:1")
    result = await world.ensure(SERVICE, other)

    assert result.live["spec"]["ports"][0]["port"] == 81
    assert world.server.asked[-1] == "create services"


async def test_a_name_that_has_just_become_free_is_taken_at_once(world: World) -> None:
    foreign = {"metadata": {"name": "x", "namespace": "ns", "uid": "f", "resourceVersion": "5"}}
    world.stores[SERVICES].put(foreign)  # and it is gone from the server
    result = await world.ensure(SERVICE)

    assert result.live is not None
    assert world.server.asked[-1] == "create services"


async def test_what_agreed_is_not_compared_again_until_one_of_both_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.ensure(SERVICE)
    compared: list[Any] = []

    def differences(wanted: Any, live: Any) -> list[str]:
        compared.append(wanted)
        return []

    monkeypatch.setattr("kopfkit.controller.children.differences", differences)
    for _ in range(3):
        await world.ensure(SERVICE)
    assert len(compared) == 1
    live = world.stores[SERVICES].get(("ns", "x"))
    assert live is not None
    world.stores[SERVICES].put({**live, "metadata": {**live["metadata"], "resourceVersion": "99"}})
    await world.ensure(SERVICE)
    assert len(compared) == 2
    await world.ensure(SERVICE, Desired("x", v1.Spec(service=v1.Service("NodePort")), "i:1"))
    assert len(compared) == 3
    # And nothing is remembered of what is gone.
    world.children.forget(key_of(OWNER))
    await world.ensure(SERVICE)
    assert len(compared) == 4


async def test_what_is_no_longer_wanted_is_deleted_by_its_uid(world: World) -> None:
    await world.ensure(SCALER)

    assert await world.children.remove(OWNER, AUTOSCALERS, "x")
    assert world.server.asked[-1] == "delete horizontalpodautoscalers child"
    assert not await world.children.remove(OWNER, AUTOSCALERS, "x")


async def test_a_conflict_on_deleting_what_still_lives_is_tried_again(world: World) -> None:
    await world.ensure(SCALER)
    world.server.fails = Conflict("too many writers")

    with pytest.raises(Conflict):
        await world.children.remove(OWNER, AUTOSCALERS, "x")
    world.server.fails = NotFound("gone")
    assert await world.children.remove(OWNER, AUTOSCALERS, "x")


async def test_one_of_somebody_else_is_not_deleted(world: World) -> None:
    _, foreign = world.complete(SCALER)
    del foreign["metadata"]["ownerReferences"]
    world.stores[AUTOSCALERS].put(foreign)

    assert not await world.children.remove(OWNER, AUTOSCALERS, "x")
    assert world.server.asked == []


async def test_a_child_that_was_there_before_and_is_gone_is_an_event(world: World) -> None:
    await world.ensure(SERVICE)
    assert world.events.told == ["ChildMissing"]
    waiting = {"type": "Progressing", "status": "True", "reason": "WaitingForSnapshot"}
    for status in ({}, {**OWNER["status"], "conditions": [waiting]}):
        held = World()
        await held.ensure(SERVICE, WISH, {**OWNER, "status": status})
        assert held.events.told == []


@pytest.mark.parametrize(
    ("message", "hinted"),
    [
        ("spec.selector: Invalid value: field is immutable", True),
        ("spec.clusterIPs: Forbidden: may not be set for ExternalName services", True),
        ("services is forbidden: cannot set an ownerRef on a resource you can't delete: ", True),
        ("exceeded quota", False),
    ],
)
async def test_what_cannot_be_changed_is_told_with_the_way_out(
    world: World, message: str, hinted: bool
) -> None:
    class Refusing(Server):
        async def create(self, resource: Resource, namespace: str | None, body: Any) -> Any:
            raise Invalid(message)

    world.serve(Refusing())
    with pytest.raises(Refused) as found:
        await Context(OWNER, world.parts).apply(SERVICE(WISH))
    assert found.value.message.startswith(f"Service: {message.rstrip(': ')}")
    assert ("`kubectl delete service x -n ns`" in found.value.message) is hinted


def orphan(manager: str, **metadata: Any) -> dict[str, Any]:
    _, lost = World().complete(SERVICE)
    del lost["metadata"]["ownerReferences"]
    lost["metadata"] |= {"uid": "child", "resourceVersion": "3", **metadata}
    lost["metadata"]["managedFields"] = [{"manager": manager, "operation": "Update"}]
    return lost


OTHERS = [{"kind": "HelloWorld", "name": "y", "uid": "other", "controller": True}]


@pytest.mark.parametrize(
    ("live", "ours"),
    [
        (orphan(MANAGER), True),
        (orphan(MANAGER, labels={}), True),
        (orphan("kubectl-create"), False),
        (orphan(MANAGER, labels={"app.kubernetes.io/instance": "y"}), False),
        (orphan(MANAGER, ownerReferences=OTHERS), False),
    ],
)
async def test_a_child_that_lost_its_owner_is_known_by_its_past(
    world: World, live: Any, ours: bool
) -> None:
    world.server.objects[(SERVICES, "x")] = live
    world.stores[SERVICES].put(live)
    result = await world.ensure(SERVICE)
    assert ("apply services" in world.server.asked) is ours
    assert bool(result.collision) is not ours


class Insisting(Server):
    """With an admission webhook that adds a field to whatever is written."""

    def _keep(self, resource: Resource, body: Any) -> Any:
        return super()._keep(resource, {**body, "spec": {**body["spec"], "externalName": "x"}})


async def test_who_insists_on_a_contradiction_is_let(world: World) -> None:
    world.serve(Insisting())
    await world.ensure(SERVICE)
    await world.ensure(SERVICE)
    assert world.server.asked.count("apply services") == 1
    live = world.stores[SERVICES].get(("ns", "x"))
    assert live is not None
    # The same again, after somebody wrote something else.
    world.stores[SERVICES].put({**live, "metadata": {**live["metadata"], "resourceVersion": "99"}})
    await world.ensure(SERVICE)
    assert world.server.asked.count("apply services") == 1


async def test_a_refusal_for_what_no_rule_knows_takes_all_that_others_set(world: World) -> None:
    class Refusing(Server):
        async def apply(self, resource: Resource, namespace: str | None, body: Any) -> Any:
            self.asked.append(f"apply {resource.plural}")
            if "patch services" not in self.asked:
                raise Invalid("spec.foreign: no")
            return self._keep(resource, body)

    _, lost = world.complete(SERVICE)
    foreign = {"manager": "other", "operation": "Update", "fieldsV1": {"f:spec": {"f:foreign": {}}}}
    lost["spec"] = {**lost["spec"], "type": "NodePort", "foreign": 1}
    lost["metadata"] |= {"uid": "child", "resourceVersion": "3", "managedFields": [foreign]}
    world.serve(Refusing())
    world.server.objects[(SERVICES, "x")] = lost
    world.stores[SERVICES].put(lost)
    result = await world.ensure(SERVICE)
    assert result.wrote
    assert world.server.asked == [
        "get services",
        "apply services",
        "patch services",
        "apply services",
    ]
