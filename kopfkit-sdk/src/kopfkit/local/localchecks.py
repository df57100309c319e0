"""What would keep a run outside the cluster from working, found before anything is started."""

import fcntl
import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import listeners, ports
from kopfkit.host.process import CommandFailed
from kopfkit.local.localcrds import CRDS
from kopfkit.local.localoperator import Operator
from kopfkit.local.localtarget import Target
from kopfkit.toolchain.kubectl import Object


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
    if (webhook := operator.project.webhook) is not None:
        for flag in ("--port", "--cert-dir"):
            if not operator.takes(webhook.deployment, flag):
                raise KopfkitError(
                    webhook.deployment,
                    f"has no {flag}= in its description, so that it cannot run on this machine",
                    f'Name it in Deployment(args=...), or: local_args=("{flag}=",).',
                )
        listeners.require_free(webhook_port, "the webhook", "--webhook-port")
    fixed = {name: port for name in operator.controllers if (port := operator.health_port(name))}
    for name, port in fixed.items():
        if health_port and health_port != port:
            raise KopfkitError(
                f"--health-port {health_port}",
                f"cannot be given to {name}, whose description has no --health-port=",
                f"Its probes are at port {port}; let its args have the flag, or leave it out.",
            )
        listeners.require_free(port, f"the probes of {name}", "Deployment(health_port=...)")
    if health_port and not fixed:
        listeners.require_free(health_port, "the operator's probes", "--health-port")
    check_debugger(debug, f"pip install '{operator.project.name}[debug]'.")


def check_debugger(port: int | None, hint: str) -> None:
    """Raises KopfkitError if a debugger is wanted on a port that is taken, or cannot be imported,
    which `hint` helps with."""
    if port is not None:
        listeners.require_free(port, "the debugger", "--debug", host=ports.HOST)
        if importlib.util.find_spec("debugpy") is None:
            raise KopfkitError("debugpy", "is not installed", hint)


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


def others(operator: Operator, target: Target, *, namespace: str = "") -> list[str]:
    """The operator's Deployments in the cluster that want pods, as namespace/name.

    By name, which kustomize and OLM leave alone. Who may not list Deployments sees none.

    Args:
        namespace: where a Deployment counts only if OLM owns it, which would put its own back.
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
            and (deployment["metadata"]["namespace"] != namespace or _is_olms(deployment))
        ]
    return found


def _is_olms(deployment: Object) -> bool:
    return "olm.owner" in deployment["metadata"].get("labels", {})


def two_operators(others: list[str], *, force: bool = False) -> KopfkitError:
    """The error that names another operator.

    Args:
        force: whether the command can be told to run beside it.
    """
    namespace, _, name = others[0].partition("/")
    beside = ", or run with --force" if force else ""
    return KopfkitError(
        f"Deployment {others[0]}",
        "already runs the operator in the cluster, and two would conflict",
        f"Remove it (make undeploy; kopfkit unsubscribe if OLM has installed it), or stop it "
        f"(kubectl -n {namespace} scale deployment {name} --replicas=0){beside}.",
    )
