"""OLM's OperatorCondition, with OLM's own CRD on a real API server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.environment import OPERATOR_CONDITION_NAME
from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.errors import ApiError, NotLeading
from kopfkit.runtime.olm.operatorcondition import Upgradeable, condition_name
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain

OLM = "github.com/operator-framework/operator-lifecycle-manager"


@pytest.fixture(scope="module")
def crd(control_plane: Any) -> None:
    try:
        directory = toolchain.module_dir(OLM)
    except KopfkitError as error:
        pytest.skip(f"no OLM module: {error}")
    file = directory / "deploy" / "chart" / "crds" / "0000_50_olm_00-operatorconditions.crd.yaml"
    with Api(control_plane.kubeconfig) as api:
        api.apply(yamls.read(file))
        eventually(lambda: api.exists("/apis/operators.coreos.com/v2/operatorconditions"))


@pytest.fixture
def path(crd: None, api: Api, namespace: str) -> str:
    """The path of an OperatorCondition as OLM makes it."""
    body = {
        "apiVersion": "operators.coreos.com/v2",
        "kind": "OperatorCondition",
        "metadata": {"name": "hello.v1", "namespace": namespace},
        "spec": {"deployments": ["hello"], "serviceAccounts": ["hello"]},
    }
    eventually(lambda: api.create(body))
    return f"/apis/operators.coreos.com/v2/namespaces/{namespace}/operatorconditions/hello.v1"


@pytest.fixture
def upgradeable(client: Client, namespace: str) -> Upgradeable:
    return Upgradeable(client, namespace, "hello.v1")


async def test_a_rollout_makes_it_false_with_the_reason_and_its_end_true(
    upgradeable: Upgradeable, path: str, api: Api
) -> None:
    upgradeable.set(False, "RolloutInProgress", "default/x rolls out", of="default/x")
    await upgradeable.write()
    spec = api.get(path)["spec"]
    (condition,) = spec["conditions"]
    assert condition["type"] == "Upgradeable"
    assert (condition["status"], condition["reason"]) == ("False", "RolloutInProgress")
    assert condition["message"] == "default/x rolls out"
    assert spec["deployments"] == ["hello"]

    upgradeable.set(True, of="default/x")
    await upgradeable.write()
    assert api.get(path)["spec"]["conditions"][0]["status"] == "True"


async def test_nothing_is_written_when_nothing_differs(
    upgradeable: Upgradeable, path: str, api: Api, client: Client
) -> None:
    await upgradeable.write()
    version, writes = api.get(path)["metadata"]["resourceVersion"], client.writes
    await upgradeable.write()
    upgradeable.set(False, "A", "a", of="a")
    upgradeable.set(True, of="a")
    await upgradeable.write()

    assert api.get(path)["metadata"]["resourceVersion"] == version
    assert client.writes == writes


async def test_one_of_two_objections_taken_back_leaves_the_other(
    upgradeable: Upgradeable, path: str, api: Api
) -> None:
    upgradeable.set(False, "Rollout", "a", of="a")
    upgradeable.set(False, "Migration", "b", of="b")
    upgradeable.set(True, of="a")
    await upgradeable.write()

    (condition,) = api.get(path)["spec"]["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Migration")


async def test_many_objections_are_one_short_message(
    upgradeable: Upgradeable, path: str, api: Api
) -> None:
    for number in range(1000):
        upgradeable.set(False, "Rollout", f"x-{number:03} rolls out", of=f"x-{number:03}")
    await upgradeable.write()

    (condition,) = api.get(path)["spec"]["conditions"]
    assert condition["message"].endswith("x-002 rolls out; and 997 more")


async def test_the_transition_time_moves_only_with_the_status(
    client: Client, namespace: str, path: str, api: Api
) -> None:
    times = iter(f"2026-01-01T00:00:0{second}Z" for second in range(9))
    one = Upgradeable(client, namespace, "hello.v1", now=lambda: next(times))
    one.set(False, "A", "a")
    await one.write()
    one.set(False, "B", "b")
    await one.write()
    assert api.get(path)["spec"]["conditions"][0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"

    one.set(True)
    await one.write()
    assert api.get(path)["spec"]["conditions"][0]["lastTransitionTime"] == "2026-01-01T00:00:02Z"


async def test_conditions_and_overrides_of_others_stay(
    upgradeable: Upgradeable, path: str, api: Api
) -> None:
    at = {"lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "R", "message": "m"}
    other = {"type": "Other", "status": "True", **at}
    override = {"type": "Upgradeable", "status": "True", **at}
    api.patch(path, {"spec": {"conditions": [other], "overrides": [override]}})
    upgradeable.set(False, "A", "a")
    await upgradeable.write()

    spec = api.get(path)["spec"]
    assert other in spec["conditions"]
    assert spec["overrides"] == [override]


@asynccontextmanager
async def running(upgradeable: Upgradeable) -> AsyncIterator[None]:
    task = asyncio.create_task(upgradeable.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _status(obj: Any) -> str:
    (found,) = obj["spec"].get("conditions") or [{"status": ""}]
    return str(found["status"])


async def told(api: Api, path: str, status: str) -> None:
    """Wait until the condition has a status."""
    async with asyncio.timeout(60):
        while _status(api.get(path)) != status:  # noqa: ASYNC110 - it is in the API server
            await asyncio.sleep(0.05)


async def test_the_running_task_writes_what_is_set(
    upgradeable: Upgradeable, path: str, api: Api
) -> None:
    upgradeable.set(False, "A", "a")
    async with running(upgradeable):
        await told(api, path, "False")


async def test_an_objection_is_told_at_once_although_nothing_spoke_against_an_upgrade_just_before(
    upgradeable: Upgradeable, path: str, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kopfkit.runtime.olm.operatorcondition.QUIET", 3600.0)
    async with running(upgradeable):
        await told(api, path, "True")
        upgradeable.set(False, "A", "a")
        await told(api, path, "False")


async def test_an_objection_is_told_at_once_while_the_end_of_another_waits_to_be_told(
    upgradeable: Upgradeable, path: str, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kopfkit.runtime.olm.operatorcondition.QUIET", 3600.0)
    upgradeable.set(False, "A", "a")
    upgradeable.set(True)
    async with running(upgradeable):
        await asyncio.sleep(0.1)  # it waits; what comes now has to wake it
        assert "conditions" not in api.get(path)["spec"]
        upgradeable.set(False, "B", "b")
        await told(api, path, "False")


async def test_without_olm_nothing_is_called(client: Client, namespace: str) -> None:
    await client.close()  # any call would fail
    one = Upgradeable(client, namespace, condition_name({}))
    one.set(False, "A", "a")
    await one.write()
    await one.run()


async def test_a_standby_neither_reads_nor_writes(
    upgradeable: Upgradeable, client: Client, path: str, api: Api
) -> None:
    def closed() -> float:
        raise NotLeading("not this one")

    client.gate = closed
    with pytest.raises(NotLeading):
        await upgradeable.write()
    assert "conditions" not in api.get(path)["spec"]


async def test_a_condition_that_olm_has_removed_is_no_failure(
    client: Client, namespace: str, crd: None
) -> None:
    await Upgradeable(client, namespace, "gone").write()


async def test_a_writer_in_between_is_not_undone(
    upgradeable: Upgradeable, client: Client, path: str, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, other = client.get, []

    async def get(*arguments: Any) -> Any:
        found = await original(*arguments)
        if not other:
            at = {"lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "R", "message": "m"}
            other.append({"type": "Other", "status": "True", **at})
            api.patch(path, {"spec": {"conditions": other}})
        return found

    monkeypatch.setattr(client, "get", get)
    await upgradeable.write()

    kinds = {item["type"] for item in api.get(path)["spec"]["conditions"]}
    assert kinds == {"Other", "Upgradeable"}


def test_the_name_is_what_olm_says() -> None:
    assert condition_name({OPERATOR_CONDITION_NAME: "hello.v1"}) == "hello.v1"
    assert condition_name({OPERATOR_CONDITION_NAME: " "}) is None


async def test_a_refusal_reaches_the_caller(client: Client, path: str, namespace: str) -> None:
    one = Upgradeable(client, namespace, "hello.v1")
    one.set(False, "not a reason!", "refused by the CRD's pattern")
    with pytest.raises(ApiError):
        await one.write()
