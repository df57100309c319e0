"""The migration that runs by itself, with the rights that it says it needs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.migration.keeper import Keeper, Report
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.errors import NotLeading
from kopfkit.testing.access import may
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

FAST: dict[str, Any] = {"settle": 0.2, "rate": 0, "patience": 20, "look": 0.2}
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture
async def limited(
    hello: Any,
    api: Api,
    namespace: str,
    control_plane: Any,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Client]:
    """A client with the rights of `migrate`'s docstring and no others."""

    def rule(group: str, resource: str, *verbs: str, name: str = "") -> dict[str, Any]:
        names = {"resourceNames": [name]} if name else {}
        return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs), **names}

    crds = "customresourcedefinitions"
    rules = [
        rule("apiextensions.k8s.io", crds, "get", "update", name=hello.name),
        rule("apiextensions.k8s.io", f"{crds}/status", "patch", name=hello.name),
        rule(hello.group, "helloworlds", "list", "get", "patch"),
    ]
    metadata = {"name": "migrator", "namespace": namespace}
    api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": namespace}}
    api.create({**role, "rules": rules})
    api.create(
        {
            **role,
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": namespace},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        }
    )
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/migrator/token"
    config = yamls.read(control_plane.kubeconfig)
    user = {"token": api.post(path, {"spec": {}})["status"]["token"]}
    config["users"] = [{"name": config["users"][0]["name"], "user": user}]
    file = tmp_path / "kubeconfig"
    file.write_text(yamls.dump(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    account, api_group = f"{namespace}/migrator", "apiextensions.k8s.io"
    eventually(lambda: may(api, account, "get", crds, group=api_group, name=hello.name))
    eventually(lambda: may(api, account, "list", "helloworlds", group=hello.group))
    client = Client(credentials.load, manager="migrator")
    await client.open()
    yield client
    await client.close()
    for kind in ("clusterroles", "clusterrolebindings"):
        api.delete(f"/apis/{RBAC}/v1/{kind}/{namespace}")


async def until(good: Any) -> None:
    async with asyncio.timeout(60):
        while True:
            if good():
                return
            await asyncio.sleep(0.05)


async def test_a_flip_of_the_storage_is_followed_without_being_asked(
    hello: Any, limited: Client
) -> None:
    hello.fill(12)
    reports: list[Report] = []
    keeper = Keeper(limited, hello.name, may=lambda: True, report=reports.append, page=5, **FAST)
    running = asyncio.create_task(keeper.run())
    await until(lambda: reports and reports[-1].done)
    assert set(hello.versions().values()) == {"v1alpha1"}
    hello.store("v1")
    await until(lambda: any(not report.done for report in reports))
    await until(lambda: reports[-1].done)
    running.cancel()
    assert set(hello.versions().values()) == {"v1"}
    assert hello.stored() == ["v1"]
    under_way = [report for report in reports if not report.done]
    assert [report.state.done for report in under_way] == list(range(13))
    assert under_way[5].sentence == f"5 of 12 objects of {hello.name} are migrated"
    assert not [report.problem for report in reports if report.problem]
    # The checkpoint was written with these rights, too, and removed at the end.
    assert "annotations" not in hello.installed.crd()["metadata"]


async def test_what_is_in_the_way_is_reported_until_it_is_gone(
    hello: Any, limited: Client, caplog: pytest.LogCaptureFixture
) -> None:
    hello.fill(3)
    hello.store("v1")
    declared = hello.installed.crd()["spec"]["conversion"]
    hello.change(lambda spec: spec.update(conversion={"strategy": "None"}))
    reports: list[Report] = []
    keeper = Keeper(limited, hello.name, may=lambda: True, report=reports.append, **FAST)
    for _ in range(2):
        assert not await keeper.once()
        assert "would lose every field" in reports[-1].sentence
    assert caplog.text.count("would lose every field") == 1
    hello.change(lambda spec: spec.update(conversion=declared))
    assert await keeper.once()
    assert reports[-1].done
    assert hello.stored() == ["v1"]


async def test_only_the_leader_migrates_and_a_lost_lease_ends_it(
    hello: Any, client: Client
) -> None:
    hello.fill(6)
    hello.store("v1")
    leading = False
    writes = 0

    def gate() -> float:
        nonlocal writes
        writes += 1
        if writes > 3:
            raise NotLeading
        return 30.0

    reports: list[Report] = []
    keeper = Keeper(
        client, hello.name, may=lambda: leading, report=reports.append, concurrency=1, **FAST
    )
    running = asyncio.create_task(keeper.run())
    await asyncio.sleep(1)
    assert reports == []
    open_gate, client.gate = client.gate, gate
    leading = True
    await until(lambda: writes > 3)
    leading = False
    await asyncio.sleep(0.5)
    running.cancel()
    assert not any(report.done or report.problem for report in reports)
    assert hello.stored() == ["v1alpha1", "v1"]
    client.gate = open_gate
    assert await Keeper(client, hello.name, may=lambda: True, report=print, **FAST).once()
    assert set(hello.versions().values()) == {"v1"}
