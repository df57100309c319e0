"""`make demo`: everything from nothing. A cluster with OLM; this checkout's images, bundle and
catalog; a Subscription; a HelloWorld written as v1alpha1 that answers over HTTP and reads back as
v1. Runs any number of times; what it leaves is removed by `make cluster-down`.
"""

import argparse
import io
import os
import shlex
import sys
import time
from pathlib import Path

from helloworld_operator.api import HELLOWORLD
from helloworld_operator.project import PROJECT
from kopfkit.cluster import manager
from kopfkit.errors import KopfkitError
from kopfkit.host.process import CommandFailed
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.olm import subscription, unsubscription
from kopfkit.toolchain.kubectl import Kubectl
from publish import ROOT, Images, publish

NAMESPACE = "helloworld-demo"
SAMPLE = ROOT / "config" / "samples" / "test_v1alpha1_helloworld.yaml"
CHANNEL = "stable"
V1, V1ALPHA1 = (f"{HELLOWORLD.plural}.{v}.{HELLOWORLD.group}" for v in ("v1", "v1alpha1"))
# Seconds until the pods must answer: they run an image that the node has pulled already.
AVAILABLE = 180
# Seconds until the API server must be able to convert once OLM calls the operator Succeeded: the
# kubelet brings a new certificate to a pod within its sync period, a minute or so.
CONVERTING = 150
STEADY = 5


def install(cluster: ClusterState, images: Images, progress: Progress) -> str:
    """Install the operator by Subscription; returns the name of its CSV."""
    kubeconfig = Path(cluster.kubeconfig)
    place = {"package": PROJECT.name, "namespace": PROJECT.namespace}
    found = subscription.find(kubeconfig, **place)
    if found is not None and found.catalog_image != images.catalog:
        # The same version with another content is nothing that OLM would upgrade to.
        progress.say(f"{found.csv or PROJECT.name} is installed from other images: replacing it.")
        unsubscription.unsubscribe(
            kubeconfig, **place, catalog_namespace=PROJECT.namespace, progress=progress
        )
    return subscription.subscribe(
        kubeconfig,
        **place,
        channel=CHANNEL,
        catalog_image=images.catalog,
        catalog_namespace=PROJECT.namespace,
        progress=progress,
    ).csv


def greet(kubectl: Kubectl, progress: Progress) -> str:
    """Apply the sample and wait until it is available; returns its name."""
    with progress.step("A HelloWorld, written as v1alpha1") as step:
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        where = f"--namespace={NAMESPACE}"
        apply = ("apply", "--server-side", "--force-conflicts", where, f"--filename={SAMPLE}")
        step.note("waiting for the conversion webhook")
        until_accepted(kubectl, *apply, "--dry-run=server")
        name = kubectl.run(*apply, "--output=name").strip().rpartition("/")[2]
        step.note(f"waiting until {name} is available")
        kubectl.run(
            "wait",
            where,
            f"{V1ALPHA1}/{name}",
            "--for=condition=Available",
            f"--timeout={AVAILABLE}s",
            timeout=AVAILABLE + 30,
        )
        step.note(f"{name} is available")
    return name


def until_accepted(kubectl: Kubectl, *arguments: str) -> None:
    """Run a command until the cluster takes it STEADY times in a row.

    A ready pod is not at once behind its Service, and while it installs, OLM writes the CRD and its
    CA more than once, also when the CSV has succeeded.
    """
    deadline = time.monotonic() + CONVERTING
    taken = 0
    while taken < STEADY:
        try:
            kubectl.run(*arguments)
            taken += 1
        except CommandFailed:
            if time.monotonic() > deadline:
                raise
            taken = 0
        time.sleep(0.5)


def show(kubectl: Kubectl, name: str, csv: str) -> None:
    """Print what a person would look at, by the commands that they would use."""
    here = ("--namespace", NAMESPACE)
    heading("What OLM installed")
    run(kubectl, "get", "subscriptions,csv,pods", "--namespace", PROJECT.namespace)
    heading("The HelloWorld in both versions: one object, converted by the operator's webhook")
    run(kubectl, "get", V1ALPHA1, *here)
    run(kubectl, "get", V1, *here, "--output=wide")
    heading("What the operator created")
    run(kubectl, "get", "deployments,pods,services", *here)
    heading("Written as v1alpha1 ...")
    print(SAMPLE.read_text().rstrip())
    heading("... read as v1")
    run(kubectl, "get", V1, name, *here, "--output=yaml")
    heading("The greeting over HTTP, through the API server's proxy")
    service = name  # the operator names the Service after the object
    run(kubectl, "get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/services/{service}:80/proxy/")
    phase = kubectl.get("clusterserviceversions.operators.coreos.com", csv, PROJECT.namespace)
    print(f"\n{csv}: {(phase or {}).get('status', {}).get('phase')}")


def close(cluster: ClusterState, images: Images, csv: str, name: str, spent: float) -> None:
    """Say what is there now, how to look at it and how to take it down."""
    operator_only = f".venv/bin/kopfkit unsubscribe --name {cluster.name} --crds"
    down = [f"{operator_only}    # the operator and every HelloWorld"]
    if cluster.kind != "existing":
        down.append(f"make cluster-down{_named(cluster)}    # the cluster and all that is in it")
    lines = [
        f"cluster     {cluster.name} ({cluster.kind}), with OLM",
        f"operator    {csv} in namespace {PROJECT.namespace}, by Subscription {PROJECT.name}",
        f"image       {images.operator}",
        f"bundle      {images.bundle}",
        f"catalog     {images.catalog}",
        f"HelloWorld  {name} in namespace {NAMESPACE}",
    ]
    look = [
        f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}",
        f"kubectl get hw --namespace {NAMESPACE} --watch",
        f"kubectl scale hw/{name} --replicas=3 --namespace {NAMESPACE}",
        f"kubectl describe hw {name} --namespace {NAMESPACE}",
        f"kubectl explain {HELLOWORLD.plural}.spec --api-version={HELLOWORLD.group}/v1",
        f"kubectl logs --namespace {PROJECT.namespace} deploy/{PROJECT.name} --follow",
    ]
    heading(f"Done in {spent:.0f} s. What was installed")
    print("\n".join(lines))
    heading("How to inspect it (no kubectl? $(.venv/bin/kopfkit tools path kubectl) is one)")
    print("\n".join(look))
    heading("How to clean up")
    print("\n".join(down))


def _named(cluster: ClusterState) -> str:
    return "" if cluster.name == "kopfkit" else f" CLUSTER_NAME={cluster.name}"


def heading(text: str) -> None:
    """Print a line that begins a part."""
    print(f"\n== {text}")


def run(kubectl: Kubectl, *arguments: str) -> None:
    """Print a kubectl command and its output."""
    print(f"$ kubectl {' '.join(arguments)}")
    print(kubectl.run(*arguments).rstrip())


def demo(name: str) -> None:
    """The whole demo in the cluster `name`."""
    began = time.monotonic()
    progress = Progress()
    cluster = manager.up(
        os.environ.get("CLUSTER") or "auto", olm=True, name=name, progress=progress
    )
    base = os.environ.get("IMAGE_TAG_BASE")
    if not base:
        if cluster.registry is None:
            raise KopfkitError(
                "images",
                f"have no registry that the cluster {cluster.name} pulls from",
                "Name one that it and this machine reach: make demo IMAGE_TAG_BASE=host/name.",
            )
        base = f"{cluster.registry}/{PROJECT.name}"
    images = publish(base, progress)
    csv = install(cluster, images, progress)
    kubectl = Kubectl.at(Path(cluster.kubeconfig), progress)
    hello = greet(kubectl, progress)
    show(kubectl, hello, csv)
    close(cluster, images, csv, hello, time.monotonic() - began)


def main() -> int:
    """Run the demo; an expected failure is one message."""
    parser = argparse.ArgumentParser(description="The operator from nothing to a greeting.")
    parser.add_argument("--name", default="kopfkit", help="name of the cluster")
    name = parser.parse_args().name
    again = "make cluster-down" + ("" if name == "kopfkit" else f" CLUSTER_NAME={name}")
    # Line by line also into a pipe, so that it stays in order with the progress on stderr.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    try:
        demo(name)
    except KopfkitError as error:
        print(f"error: {error}\n  to remove what was created so far: {again}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"interrupted; to remove what was created so far: {again}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
