"""Storage migration on a real API server, with etcd as the judge of what is stored."""

import json
from typing import Any

import pytest

from kopfkit.migration import State, migrate
from kopfkit.runtime.client import Client

# No waiting for other API servers: there is one. No limit on the pace of a test.
FAST: dict[str, Any] = {"settle": 0.5, "rate": 0, "patience": 20}


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
    assert [state.done for state in seen] == list(range(1, 26))
    assert {state.total for state in seen} == {25}
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
    assert [key for key in before if before[key] != after[key]] == sorted(
        f"/registry/{hello.group}/helloworlds/default/hello-{number:04}" for number in range(25, 30)
    )
    assert set(hello.versions().values()) == {"v1"}
    assert hello.stored() == ["v1"]
