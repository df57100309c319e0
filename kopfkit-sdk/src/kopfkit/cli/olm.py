"""`kopfkit olm`: the Operator Lifecycle Manager in a cluster."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kopfkit.cluster import olm as lifecycle
from kopfkit.cluster import olmparts, state
from kopfkit.cluster.progress import Progress
from kopfkit.errors import KopfkitError


def _target(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which cluster."""
    for option in (
        click.option("--name", default="kopfkit", show_default=True, help="Name of the cluster."),
        click.option(
            "--kubeconfig",
            type=click.Path(path_type=Path),
            help="Kubeconfig of any cluster, instead of --name.",
        ),
    ):
        function = option(function)
    return function


@click.group()
def olm() -> None:
    """Install, check or remove the Operator Lifecycle Manager."""


@olm.command()
@_target
@click.option("--registry", help="host:port that the cluster pulls from and this machine pushes to "
              "[default: the kopfkit cluster's own; none: the public images].")  # fmt: skip
@click.option(
    "--timeout", default=lifecycle.READY_TIMEOUT, show_default=True, help="Timeout in seconds."
)
@click.option("--force", is_flag=True, help="Apply the manifests even if OLM is installed.")
def install(
    name: str, kubeconfig: Path | None, registry: str | None, timeout: float, force: bool
) -> None:
    """Install OLM and wait until it is ready; no-op if it is."""
    found = _cluster(name, kubeconfig)
    if found is not None and found.kind == "control-plane":
        raise KopfkitError(
            f"cluster {name}",
            "is a control plane without nodes, and OLM needs pods",
            "Use CLUSTER=kind, or CLUSTER=existing.",
        )
    target = _kubeconfig(found, kubeconfig)
    pushed = registry or (found.registry if found else None)
    lifecycle.install(target, Progress(), registry=pushed, force=force, timeout=timeout)
    if found is not None:
        found.olm = True
        found.save()
    _say(target, lifecycle.status(target)["detail"])


@olm.command()
@_target
@click.option("--output", type=click.Choice(("text", "json")), default="text", show_default=True)
def status(name: str, kubeconfig: Path | None, output: str) -> None:
    """Show whether OLM is installed and ready, with its parts; exits with 1 if not."""
    target = _kubeconfig(_cluster(name, kubeconfig), kubeconfig)
    told = lifecycle.status(target)
    parts = olmparts.parts(target, Progress())
    ready = told["ready"] and all(part.there for part in parts)
    if output == "json":
        listed = [vars(part) for part in parts]
        version = lifecycle.installed_version(target)
        told |= {"ready": ready, "version": version, "parts": listed}
        click.echo(json.dumps(told, indent=2))
        raise SystemExit(0 if ready else 1)
    _say(target, told["detail"])
    if any(part.there for part in parts):
        rows = [("NAME", "NAMESPACE", "KIND", "STATUS")] + [
            (part.name, part.namespace, part.kind, "there" if part.there else "missing")
            for part in parts
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
            click.echo("  ".join(cells).rstrip())
    raise SystemExit(0 if ready else 1)


@olm.command()
@_target
def uninstall(name: str, kubeconfig: Path | None) -> None:
    """Remove OLM; fails while it manages an operator."""
    found = _cluster(name, kubeconfig)
    lifecycle.uninstall(_kubeconfig(found, kubeconfig), Progress())
    if found is not None:
        found.olm = False
        found.save()


def _say(target: Path, detail: str) -> None:
    click.echo(" ".join(filter(None, ("OLM", lifecycle.installed_version(target)))) + f": {detail}")


def _cluster(name: str, kubeconfig: Path | None) -> state.ClusterState | None:
    """The kopfkit cluster that is meant; None if it is one by its kubeconfig."""
    if kubeconfig is not None:
        return None
    found = state.load(name)
    if found is None:
        raise KopfkitError(f"cluster {name}", "does not run", "Start it: kopfkit cluster up.")
    return found


def _kubeconfig(found: state.ClusterState | None, given: Path | None) -> Path:
    if given is not None:
        return given
    assert found is not None
    return Path(found.kubeconfig)
