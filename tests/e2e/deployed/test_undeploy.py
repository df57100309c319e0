"""`make undeploy`, when all other tests of this directory have run."""

from collections.abc import Callable
from typing import Any

from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

from .conftest import CLUSTER_WIDE


def test_undeploying_removes_all_that_was_deployed_and_the_greetings_with_it(
    deployed: str, world: Any, make: Callable[[str], str], kubectl: Kubectl
) -> None:
    world.create("hello", {"replicas": 1})
    world.ready("hello", 1)
    make("undeploy")
    # Namespaces of tests come and go at their own pace.
    before, now = (
        {name for name in names.split() if not name.startswith("namespace/e2e-")}
        for names in (deployed, kubectl.run("get", CLUSTER_WIDE, "--output=name"))
    )
    assert now - leaving(kubectl) == before - leaving(kubectl)

    def gone() -> bool:
        found = kubectl.list("deployments,pods,services", world.namespace)
        left = [{"kind": each["kind"], **each["metadata"]} for each in found]
        assert left == []
        return True

    eventually(gone, timeout=180, interval=0.5)


def leaving(kubectl: Kubectl) -> set[str]:
    """Namespaces of earlier tests that are being deleted."""
    return {
        f"namespace/{found['metadata']['name']}"
        for found in kubectl.list("namespaces")
        if found["metadata"].get("deletionTimestamp")
    }
