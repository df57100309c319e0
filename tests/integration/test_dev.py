"""`kopfkit dev` as far as an API server without nodes goes: what it applies, and takes back."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import pytest

from helloworld_operator.project import PROJECT
from kopfkit.errors import KopfkitError
from kopfkit.host import daemon
from kopfkit.host.progress import Progress
from kopfkit.local import dev, devpods
from kopfkit.local.localchildren import Output
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl
from localruns import ROOT, Command, World, running

IMAGE = "registry.example.com/helloworld-operator:v9"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory) as made:
        yield made


def deployment(kubectl: Kubectl, name: str) -> Any:
    """One of the operator's Deployments, None where there is none."""
    return kubectl.get("deployments.apps", name, PROJECT.namespace)


def is_developed(found: Any) -> bool:
    """Whether its pods run what is sent to them."""
    pod = found["spec"]["template"]["spec"] if found else {}
    return any(volume["name"] == devpods.VOLUME for volume in pod.get("volumes", []))


def test_deployments_that_olm_would_put_back_are_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = world.kubectl
    name = PROJECT.deployments[0].name
    labels = {"olm.owner": f"{PROJECT.name}.v0.4.0", "olm.owner.kind": "ClusterServiceVersion"}
    spec = {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "main", "image": IMAGE}]},
        },
    }
    metadata = {"name": name, "namespace": PROJECT.namespace, "labels": labels}
    kubectl.run("create", "namespace", PROJECT.namespace)
    kubectl.apply(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    )
    monkeypatch.setenv("KUBECONFIG", str(world.plane.kubeconfig))
    monkeypatch.setenv("KOPFKIT_STATE_DIR", str(world.state))
    monkeypatch.chdir(ROOT)
    try:
        with pytest.raises(KopfkitError, match=f"{PROJECT.namespace}/{name}") as refused:
            dev.run(dev.Options(image=IMAGE), Output(io.StringIO()), Progress())
        assert "kopfkit unsubscribe" in refused.value.hint
        assert "--force" not in refused.value.hint
        assert not is_developed(deployment(kubectl, name))
    finally:
        kubectl.run("delete", "deployment", name, f"--namespace={PROJECT.namespace}")


def test_the_operator_is_deployed_for_development_and_given_back_at_the_end(
    world: World,
) -> None:
    kubectl = world.kubectl
    names = [each.name for each in PROJECT.deployments]
    with contextlib.closing(Command(world, "dev", f"--img={IMAGE}")) as command:
        eventually(lambda: all(is_developed(deployment(kubectl, each)) for each in names))
        for name in names:
            spec = deployment(kubectl, name)["spec"]
            assert spec["replicas"] == 1
            (container,) = spec["template"]["spec"]["containers"]
            assert container["image"] == IMAGE
            assert container["command"][-2:] == ["-m", "helloworld_operator"]
        # Its rights and CRDs are those of a deployment.
        assert kubectl.serves("helloworlds.test.jiaozi.com")
        assert kubectl.get("serviceaccounts", PROJECT.name, PROJECT.namespace)
        assert command.interrupt() == 0, command.output
        # Before `close`, which would end what was left.
        assert list(daemon.owned(world.state)) == []
    assert "applied as generated" in command.output
    assert "Traceback" not in command.output
    for name in names:
        found = deployment(kubectl, name)
        assert not is_developed(found)
        (container,) = found["spec"]["template"]["spec"]["containers"]
        assert "command" not in container
        assert container["livenessProbe"]
        assert found["spec"]["replicas"] == PROJECT.deployment(name).replicas
        assert found["spec"]["strategy"]["type"] == "RollingUpdate"
