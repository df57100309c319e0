"""`kopfkit olm`: the Operator Lifecycle Manager in a cluster."""

from pathlib import Path

import click

from kopfkit.cluster import olm as lifecycle
from kopfkit.cluster import state
from kopfkit.cluster.progress import Progress
from kopfkit.errors import KopfkitError

_NAME = click.option("--name", default="kopfkit", show_default=True, help="Name of the cluster.")


@click.group()
def olm() -> None:
    """Install, check or remove the Operator Lifecycle Manager."""


@olm.command()
@_NAME
def install(name: str) -> None:
    """Install OLM and wait until it is ready."""
    found = _cluster(name)
    if found.kind == "control-plane":
        raise KopfkitError(
            f"cluster {name}",
            "is a control plane without nodes, and OLM needs pods",
            "Use CLUSTER=kind, or CLUSTER=existing.",
        )
    lifecycle.install(Path(found.kubeconfig), Progress(), registry=found.registry)
    found.olm = True
    found.save()


@olm.command()
@_NAME
def status(name: str) -> None:
    """Say whether OLM is installed and ready; exit with 1 if it is not."""
    told = lifecycle.status(Path(_cluster(name).kubeconfig))
    click.echo(f"OLM: {told['detail']}")
    raise SystemExit(0 if told["ready"] else 1)


@olm.command()
@_NAME
def uninstall(name: str) -> None:
    """Remove OLM."""
    found = _cluster(name)
    lifecycle.uninstall(Path(found.kubeconfig), Progress())
    found.olm = False
    found.save()


def _cluster(name: str) -> state.ClusterState:
    found = state.load(name)
    if found is None:
        raise KopfkitError(f"cluster {name}", "does not run", "Start it: kopfkit cluster up.")
    return found
