"""What would keep a run outside the cluster from working, found before anything is started."""

import fcntl
import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kopfkit.cluster import listeners, ports
from kopfkit.cluster.localconversion import CRDS
from kopfkit.cluster.localoperator import Operator
from kopfkit.cluster.localtarget import Target
from kopfkit.cluster.process import CommandFailed
from kopfkit.errors import KopfkitError


@contextmanager
def only_one(directory: Path, server: str) -> Iterator[None]:
    """Hold the right to run against a cluster; KopfkitError if another run has it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (directory / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise KopfkitError(
                f"the cluster at {server}",
                f"already has a run: process {lock.read().strip() or '?'}",
                "Stop the other run first (Ctrl-C): both would set the CRD's conversion.",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_ports(operator: Operator, webhook_port: int, health_port: int, debug: int | None) -> None:
    if operator.crds:
        listeners.require_free(webhook_port, "the webhook", "--webhook-port")
    if health_port:
        listeners.require_free(health_port, "the operator's probes", "--health-port")
    if debug is not None:
        listeners.require_free(debug, "the debugger", "--debug", host=ports.HOST)
        if importlib.util.find_spec("debugpy") is None:
            raise KopfkitError(
                "debugpy", "is not installed", f"pip install '{operator.project.name}[debug]'."
            )


def stored_versions(operator: Operator, target: Target) -> dict[str, str]:
    """The version that each CRD is stored in. KopfkitError if one of them is not installed."""
    found = {}
    for resource in operator.project.resources:
        name = resource.crd_name
        crd = target.kubectl.get(CRDS, name) if target.kubectl.serves(name) else None
        if crd is None:
            raise KopfkitError(
                f"CRD {name}",
                f"is not installed in the cluster at {target.server}",
                "Install it: make install.",
            )
        found[name] = next(v["name"] for v in crd["spec"]["versions"] if v["storage"])
    return found


def others(operator: Operator, target: Target) -> list[str]:
    """The operator's Deployments in the cluster that want pods, as namespace/name.

    By name, which kustomize and OLM leave alone. Who may not list Deployments sees none.
    """
    found: list[str] = []
    for name in operator.controllers:
        try:
            text = target.kubectl.run(
                "get",
                "deployments.apps",
                "--all-namespaces",
                f"--field-selector=metadata.name={name}",
                "--output=json",
            )
        except CommandFailed as error:
            if "orbidden" in error.output:
                continue
            raise
        found += [
            f"{deployment['metadata']['namespace']}/{name}"
            for deployment in json.loads(text)["items"]
            if deployment["spec"].get("replicas", 1) > 0
        ]
    return found


def two_operators(others: list[str]) -> KopfkitError:
    namespace, _, name = others[0].partition("/")
    return KopfkitError(
        f"Deployment {others[0]}",
        "already runs the operator in the cluster, and two would conflict",
        f"Remove it (make undeploy; kopfkit unsubscribe if OLM has installed it), or stop it "
        f"(kubectl -n {namespace} scale deployment {name} --replicas=0), or run with --force.",
    )
