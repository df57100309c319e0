"""`kopfkit olm` as a person types it: OLM goes whole, and comes back."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kopfkit.host.state import ClusterState
from kopfkit.olm import olm
from kopfkit.toolchain.kubectl import Kubectl

Say = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def say(kind_cluster: ClusterState, clean_cluster: None) -> Iterator[Say]:
    """`kopfkit olm ...` for the cluster. Later tests need OLM, whatever becomes of this one."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        program = Path(sys.executable).with_name("kopfkit")
        command: list[str | Path] = [program, "olm", *words, f"--name={kind_cluster.name}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=600)

    yield run
    back = run("install")
    assert back.returncode == 0, back.stderr


def left(kubectl: Kubectl) -> list[str]:
    """What there still is of OLM: kinds, roles, and its namespaces."""
    names = kubectl.run(
        "get", "crds,clusterroles,clusterrolebindings,apiservices,namespaces", "--output=name"
    )
    return [name for name in names.split() if "olm" in name or olm.GROUP in name]


def test_olm_is_removed_whole_and_installed_again(say: Say, kubectl: Kubectl) -> None:
    subscription: dict[str, Any] = {
        "apiVersion": f"{olm.GROUP}/v1alpha1",
        "kind": "Subscription",
        "metadata": {"name": "somebodys", "namespace": "default"},
        "spec": {"name": "theirs", "source": "theirs", "sourceNamespace": "default"},
    }
    kubectl.apply(subscription)
    refused = say("uninstall")
    assert refused.returncode == 1
    assert "still manages default/somebodys" in refused.stderr
    assert say("status").returncode == 0
    kubectl.run("delete", "subscriptions.operators.coreos.com", "somebodys", "--namespace=default")

    removed = say("uninstall")
    assert removed.returncode == 0, removed.stderr
    assert left(kubectl) == []
    told = say("status", "--output=json")
    assert (told.returncode, json.loads(told.stdout)["installed"]) == (1, False)
    again = say("uninstall")
    assert (again.returncode, "OLM is not installed." in again.stdout + again.stderr) == (0, True)

    installed = say("install")
    assert installed.returncode == 0, installed.stderr
    assert say("status").returncode == 0
    workloads = kubectl.run("get", "deployments", f"--namespace={olm.NAMESPACE}", "--output=name")
    assert say("install").returncode == 0
    same = kubectl.run("get", "deployments", f"--namespace={olm.NAMESPACE}", "--output=name")
    assert same == workloads
