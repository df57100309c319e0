"""The operator of docs/how-to/existing-operator.md under OLM: kopf's handlers, their webhook and
their finalizers through install, upgrade and removal."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import movein
from kopfkit.host.state import ClusterState
from kopfkit.testing.client import ApiError
from kopfkit.testing.waiting import eventually

from .conftest import READY, World, publish
from .examples import Example

PLACE = "kettle-operator-system"
PODS = "app.kubernetes.io/name=kettle-operator"
FIRST = """\
package: kettle-operator
defaultChannel: stable
channels: [stable]
releases:
  - {version: 0.2.0, date: 2026-11-29, channels: [stable], served: [v1], stored: v1}
"""
SECOND = (
    "  - {version: 0.3.0, date: 2026-11-30, channels: [stable], replaces: 0.2.0,"
    " served: [v1], stored: v1}\n"
)


@pytest.fixture(scope="module")
def kettles(
    kind_cluster: ClusterState, images: publish.Images, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Example]:
    """The project as the page leaves it, in no cluster yet; gone from it afterwards."""
    path = tmp_path_factory.mktemp("moved") / "kettles"
    path.mkdir()
    movein.follow(path)
    (path / "catalog" / "releases.yaml").write_text(FIRST)
    base = f"{kind_cluster.registry}/moved-{time.time_ns() // 1_000_000:x}"
    made = Example("kettles", path, base, kind_cluster.kubeconfig)
    yield made
    made.kopfkit("unsubscribe", f"--kubeconfig={made.kubeconfig}", "--crds", "--yes")


def _next(project: Path) -> None:
    """Make the second release of the project."""
    for name in ("pyproject.toml", "kettles/__main__.py"):
        text = (project / name).read_text()
        assert text.count("0.2.0") == 1, name
        (project / name).write_text(text.replace("0.2.0", "0.3.0"))
    handlers = project / "kettles" / "handlers.py"
    handlers.write_text(handlers.read_text().replace('"celsius": 100', '"celsius": 95'))
    (project / "catalog" / "releases.yaml").write_text(FIRST + SECOND)


def test_finalizers_and_handlers_survive_install_upgrade_and_removal(
    kettles: Example, images: publish.Images, world: World
) -> None:
    path = f"/apis/kitchen.example.com/v1/namespaces/{world.namespace}/kettles"

    def create(name: str, litres: int = 2) -> Any:
        body = {"apiVersion": "kitchen.example.com/v1", "kind": "Kettle"}
        named = {**body, "metadata": {"name": name}, "spec": {"litres": litres}}
        return world.api.post(path, named)

    def shows(name: str, celsius: int) -> Any:
        def check() -> Any:
            found = world.api.get(f"{path}/{name}")
            assert found.get("status", {}).get("shows", {}).get("celsius") == celsius, found
            return found

        return eventually(check, timeout=READY)

    def refuses() -> bool:
        with pytest.raises(ApiError, match="a kettle holds at most 5 litres"):
            create("refused", 6)
        return True

    def poured(name: str) -> bool:
        words = ("logs", f"--namespace={PLACE}", f"--selector={PODS}", "--prefix", "--tail=-1")
        return f"Kettle {name} is poured out." in world.kubectl.run(*words)

    def pods() -> set[str]:
        return {pod["metadata"]["name"] for pod in world.kubectl.list("pods", PLACE, PODS)}

    assert "kettle-operator.v0.2.0 Succeeded" in kettles.install(images.operator, "0.2.0")
    create("one")
    create("two")
    finalizers = shows("one", 100)["metadata"]["finalizers"]
    assert finalizers
    shows("two", 100)
    eventually(refuses, timeout=READY)

    before = pods()
    assert before
    _next(kettles.path)
    assert "kettle-operator.v0.3.0 Succeeded" in kettles.install(images.operator, "0.3.0")
    # on.resume of the new code, and the object's finalizer as it was.
    assert shows("one", 95)["metadata"]["finalizers"] == finalizers
    eventually(refuses, timeout=READY)
    # A pod of the release before would take its log with it.
    eventually(lambda: not before & pods(), timeout=READY)
    world.api.delete(f"{path}/one")
    eventually(lambda: not world.api.exists(f"{path}/one"), timeout=READY)
    assert poured("one")

    # An object that is there when the operator goes: its handler runs before.
    kettles.remove()
    assert world.kubectl.get("crds", "kettles.kitchen.example.com") is None
