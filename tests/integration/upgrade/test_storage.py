"""Storage migration on a real API server, with etcd as the judge of what is stored."""

import json
from typing import Any

import pytest

from kopfkit.migration import State, migrate
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.errors import Gone

# No waiting for other API servers: there is one. No limit on the pace of a test.
FAST: dict[str, Any] = {"settle": 0.5, "rate": 0, "patience": 20}

SPEC = {"replicas": 3, "greeting": {"message": "Hi"}}


async def test_every_object_is_stored_anew_unchanged_and_the_old_version_is_forgotten(
    hello: Any, client: Client
) -> None:
    hello.fill(25)
    hello.installed.put(
        "v1", {**hello.installed.get("v1", "hello-0003"), "status": {"url": "http://a"}}, "status"
    )
    before, old = hello.content(), hello.content("v1alpha1")
    hello.store("v1")
    assert hello.stored() == ["v1alpha1", "v1"]
    assert set(hello.versions().values()) == {"v1alpha1"}
    seen: list[State] = []
    result = await migrate(client, hello.name, page=10, progress=seen.append, **FAST)
    assert set(hello.versions().values()) == {"v1"}
    assert len(hello.versions()) == 25
    assert hello.stored() == ["v1"]
    assert hello.content() == before
    assert hello.content("v1alpha1") == old
    assert result.trimmed
    assert result.refused == ()
    assert (result.state.rewritten, result.state.total, result.state.done) == (25, 25, 25)
    assert [state.done for state in seen] == list(range(26))
    assert {state.total for state in seen[1:]} == {25}
    assert "annotations" not in hello.installed.crd()["metadata"]


async def test_there_is_nothing_to_do_where_one_version_is_stored(
    hello: Any, client: Client
) -> None:
    hello.fill(2)
    before = hello.etcd.revisions(*hello.environment)
    result = await migrate(client, hello.name, **FAST)
    assert not result.needed
    assert hello.etcd.revisions(*hello.environment) == before
    assert hello.stored() == ["v1alpha1"]


async def test_a_dry_run_checks_every_object_and_writes_nothing(hello: Any, client: Client) -> None:
    hello.fill(5)
    hello.store("v1")
    before, crd = hello.etcd.revisions(*hello.environment), hello.installed.crd()
    result = await migrate(client, hello.name, dry_run=True, **FAST)
    assert (result.state.rewritten, result.trimmed, result.needed) == (5, False, True)
    assert hello.etcd.revisions(*hello.environment) == before
    assert hello.installed.crd() == crd


async def test_a_run_that_was_killed_goes_on_after_its_last_page(
    hello: Any, client: Client
) -> None:
    hello.fill(30)
    hello.store("v1")

    class Killed(BaseException):
        pass

    def kill(state: State) -> None:
        if state.done == 25:
            raise Killed

    with pytest.raises(BaseExceptionGroup):
        await migrate(client, hello.name, page=10, concurrency=1, progress=kill, **FAST)
    noted = hello.installed.crd()["metadata"]["annotations"][f"{hello.group}/storage-migration"]
    assert json.loads(noted)["after"] == "default/hello-0019"
    assert hello.stored() == ["v1alpha1", "v1"]
    before = hello.etcd.revisions(*hello.environment)
    result = await migrate(client, hello.name, page=10, **FAST)
    assert (result.state.done, result.state.total) == (30, 30)
    assert result.state.rewritten + result.state.current == 10
    after = hello.etcd.revisions(*hello.environment)
    written = {key[-2:] for key in before if before[key] != after[key]}
    # The first of the five may have been under way when it was killed.
    assert written - {"25"} == {"26", "27", "28", "29"}
    assert set(hello.versions().values()) == {"v1"}
    assert hello.stored() == ["v1"]


async def test_objects_that_break_a_later_rule_are_rewritten_all_the_same(
    hello: Any, client: Client
) -> None:
    hello.fill(3)
    before = hello.content()

    def stricter(spec: Any) -> None:
        for version in spec["versions"]:
            version["storage"] = version["name"] == "v1"
            if version["name"] == "v1":
                properties = version["schema"]["openAPIV3Schema"]["properties"]
                replicas = properties["spec"]["properties"]["replicas"]
                replicas["maximum"] = 2

    hello.change(stricter)
    # Asked dry: the schema before it is in force for a moment yet, and would store the object.
    probe = f"{hello.installed.path('v1')}?dryRun=All"
    refused = hello.installed.object("v1", "refused", spec=SPEC)
    hello.eventually(
        lambda: hello.installed.api("POST", probe, refused).status, lambda code: code == 422
    )
    result = await migrate(client, hello.name, **FAST)
    assert (result.state.rewritten, result.refused, result.trimmed) == (3, (), True)
    assert set(hello.versions().values()) == {"v1"}
    assert hello.content() == before


async def test_a_stored_version_that_is_not_served_is_written_through_another(
    hello: Any, client: Client
) -> None:
    hello.fill(4)
    before = hello.content("v1alpha1")

    def unserved(spec: Any) -> None:
        for version in spec["versions"]:
            version["storage"] = version["name"] == "v1"
            version["served"] = version["name"] == "v1alpha1"

    hello.change(unserved)
    result = await migrate(client, hello.name, **FAST)
    assert (result.state.rewritten, result.trimmed) == (4, True)
    assert set(hello.versions().values()) == {"v1"}
    assert hello.content("v1alpha1") == before


class Forgetful(Client):
    """An API server that no longer knows a list, once."""

    gone = 0

    async def read(self, path: str, params: Any = None, **more: Any) -> Any:
        if "continue" in (params or {}) and self.gone < 2:
            self.gone += 1
            if self.gone == 2:
                raise Gone("The provided continue parameter is too old", status=410)
        return await super().read(path, params, **more)


async def test_a_list_that_is_no_longer_known_is_read_again_and_nothing_counted_twice(
    hello: Any, client: Client
) -> None:
    hello.fill(25)
    hello.store("v1")
    forgetful = Forgetful(credentials.load, manager="migration")
    await forgetful.open()
    try:
        seen: list[State] = []
        result = await migrate(forgetful, hello.name, page=10, progress=seen.append, **FAST)
    finally:
        await forgetful.close()
    assert forgetful.gone == 2
    assert (result.state.rewritten, result.state.current, result.state.done) == (25, 0, 25)
    assert seen[-1].total == 25
    assert result.trimmed
    assert set(hello.versions().values()) == {"v1"}
