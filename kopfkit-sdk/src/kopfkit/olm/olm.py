"""The Operator Lifecycle Manager, from the chart in its own Go module.

Where its public images can be pulled they are used; else they are built here from the same module
and pushed to the cluster's registry. (The module's quickstart manifest is years old: not used.)
"""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.olm import charts, olmimages
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

MODULE = "github.com/operator-framework/operator-lifecycle-manager"
NAMESPACE = "olm"
GROUP = "operators.coreos.com"
# The kinds of which there are objects with OLM alone, after the one that says that it is in use.
CUSTOM = tuple(
    f"{plural}.{GROUP}"
    for plural in ("subscriptions", "clusterserviceversions", "operatorgroups", "olmconfigs")
)
# Seconds until the package server's CSV is Succeeded: 7 to 40 once the images are pulled.
READY_TIMEOUT = 300.0
# Seconds after which the package server gets one new start.
RESTART_AFTER = 75.0


def install(
    kubeconfig: Path,
    progress: Progress,
    *,
    registry: str | None = None,
    force: bool = False,
    timeout: float = READY_TIMEOUT,
) -> None:
    """Install OLM and wait until its package server's CSV is Succeeded.

    Args:
        kubeconfig: of the cluster.
        progress: shows the steps.
        registry: host:port of a registry that the cluster pulls from and we can push to; needed
            where the public images cannot be pulled.
        force: apply again although OLM is installed.
        timeout: seconds until the package server must be Succeeded.

    Raises:
        KopfkitError: images cannot be had, or OLM does not become ready (with its pods' state).
    """
    kubectl = Kubectl.at(kubeconfig, progress)
    if status(kubeconfig)["ready"] and not force:
        return
    version = toolchain.version("olm")
    images = olmimages.ensure(version, registry, progress)
    chart = toolchain.module_dir(MODULE, progress) / "deploy"
    objects = render(chart, values(images), progress)
    with progress.step(f"Installing OLM {version}") as step:
        step.note("CRDs")
        kubectl.run(
            "apply", "--server-side", "--force-conflicts", "--filename", str(chart / "chart/crds"),
            timeout=120,
        )  # fmt: skip
        kubectl.established("--filename", str(chart / "chart/crds"))
        step.note("Deployments")
        kubectl.run(
            "apply",
            "--server-side",
            "--force-conflicts",
            "--filename=-",
            input=objects,
            timeout=120,
        )
        step.note("waiting for the package server")
        _await(kubectl, timeout)


def status(kubeconfig: Path) -> dict[str, Any]:
    """What of OLM is in the cluster: {"installed": bool, "ready": bool, "detail": str}."""
    kubectl = Kubectl.at(kubeconfig)
    try:
        found = kubectl.get(
            "clusterserviceversions.operators.coreos.com", "packageserver", NAMESPACE
        )
    except process.CommandFailed:
        return {"installed": False, "ready": False, "detail": "not installed"}
    if found is None:
        return {"installed": False, "ready": False, "detail": "no package server"}
    phase = found.get("status", {}).get("phase", "Pending")
    return {"installed": True, "ready": phase == "Succeeded", "detail": f"package server {phase}"}


def installed_version(kubeconfig: Path) -> str:
    """The version in the tag of OLM's image, such as "v0.38.0"; "" where there is none to tell.

    The package server's CSV does not know: the chart has the same one in every release.
    """
    found = Kubectl.at(kubeconfig).get("deployments.apps", "catalog-operator", NAMESPACE)
    if found is None:
        return ""
    image = str(found["spec"]["template"]["spec"]["containers"][0]["image"]).partition("@")[0]
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag if tag.startswith("v") else ""


def uninstall(kubeconfig: Path, progress: Progress) -> None:
    """Remove OLM: its package server, its workloads, its roles, its CRDs; also half of one.

    Raises KopfkitError while an operator is installed by it: that one would be left without care.
    """
    kubectl = Kubectl.at(kubeconfig, progress)
    kinds = [name for name in CUSTOM if kubectl.serves(name)]
    if not kinds and kubectl.get("namespaces", NAMESPACE) is None:
        progress.say("OLM is not installed.")
        return
    left = kubectl.list(CUSTOM[0], "*") if CUSTOM[0] in kinds else []
    if left:
        names = ", ".join(f"{s['metadata']['namespace']}/{s['metadata']['name']}" for s in left)
        raise KopfkitError("OLM", f"still manages {names}", "Unsubscribe first.")
    version = toolchain.version("olm")
    chart = toolchain.module_dir(MODULE, progress) / "deploy"
    text = render(chart, values({"olm": "unused", "opm": "unused"}), progress)
    # Those of its own kinds are gone by then, and perhaps the kinds with them.
    objects = [o for o in yamls.load_all(text) if GROUP not in o["apiVersion"]]
    gone = ("--ignore-not-found", "--timeout=120s")
    with progress.step(f"Removing OLM {version}") as step:
        step.note("its own objects")
        for kind in kinds[1:]:
            _delete_all(kubectl, kind)
        step.note("Deployments and roles")
        kubectl.run("delete", *gone, "apiservice", f"v1.packages.{GROUP}")
        kubectl.run("delete", *gone, "--filename=-", input=yamls.dump(*objects), timeout=180)
        kubectl.run("delete", *gone, "clusterroles,clusterrolebindings,rolebindings",
                    "--selector=olm.managed=true", "--namespace=kube-system")  # fmt: skip
        step.note("CRDs")
        kubectl.run("delete", *gone, "--filename", str(chart / "chart/crds"), timeout=180)


def _delete_all(kubectl: Kubectl, kind: str) -> None:
    """Delete every object of a kind while OLM still runs, as only it takes its finalizers off; a
    broken OLM does not, so that they are taken off here when it has had its time."""
    words = ("delete", kind, "--all", "--all-namespaces", "--ignore-not-found")
    with contextlib.suppress(process.CommandFailed):
        kubectl.run(*words, "--timeout=30s")
        return
    for stuck in kubectl.list(kind, "*"):
        where = stuck["metadata"]
        with contextlib.suppress(process.CommandFailed):  # it may go at this moment
            kubectl.run("patch", kind, where["name"], f"--namespace={where.get('namespace', '')}",
                        "--type=merge", '--patch={"metadata":{"finalizers":null}}')  # fmt: skip
    kubectl.run(*words, "--timeout=30s")


def values(images: dict[str, str]) -> dict[str, Any]:
    """Values for OLM's chart, over its own deploy/upstream/values.yaml."""
    image = {"ref": images["olm"], "pullPolicy": "IfNotPresent"}
    return {
        # Not "upstream": that alone adds the public operatorhub.io catalog, which a closed network
        # cannot pull and a cluster for trying one operator does not need.
        "installType": "kopfkit",
        "olm": {"image": image},
        "catalog": {
            "image": image,
            "commandArgs": f"--configmapServerImage={images['opm']}",
            "opmImageArgs": f"--opmImage={images['opm']}",
        },
        "package": {"image": image, "replicaCount": 1},
    }


def render(deploy: Path, extra: dict[str, Any], progress: Progress) -> str:
    """The chart's objects as YAML; `deploy` is that directory of the module."""
    upstream = yamls.read(deploy / "upstream/values.yaml")
    return charts.render(deploy / "chart", "olm", [upstream, extra], progress)


def _await(kubectl: Kubectl, timeout: float) -> None:
    started, restarted = time.monotonic(), False
    while not status(kubectl.kubeconfig)["ready"]:
        waited = time.monotonic() - started
        if waited > timeout:
            raise KopfkitError("OLM", f"is not ready\n{_pods(kubectl)}", "Look at the pods' logs.")
        if waited > RESTART_AFTER and not restarted:
            # Seen where something outside the cluster answered for the address of a Service that
            # kube-proxy did not know yet (see podnetwork): the API server keeps that connection,
            # and OLM waits for ever. A node image that is not ours may still have it.
            kubectl.run(
                "delete", "pods", "--selector=app=packageserver", f"--namespace={NAMESPACE}"
            )
            restarted = True
        time.sleep(1)


def _pods(kubectl: Kubectl) -> str:
    lines = []
    for pod in kubectl.list("pods", NAMESPACE):
        states = pod.get("status", {}).get("containerStatuses", [])
        waiting = [s["state"].get("waiting", {}).get("reason", "running") for s in states]
        lines.append(f"  | {pod['metadata']['name']}: {json.dumps(waiting)}")
    return "\n".join(lines)
