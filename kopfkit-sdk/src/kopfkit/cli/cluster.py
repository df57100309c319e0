"""`kopfkit cluster`: bring a cluster up, look at it, take it down."""

import shlex

import click

from kopfkit.cli._output import TEXT, output_option, show
from kopfkit.cli._signals import sigterm_like_ctrl_c
from kopfkit.cluster import manager
from kopfkit.host.state import KINDS

_NAME = click.option(
    "--name", default=manager.DEFAULT_NAME, show_default=True, help="Name of the cluster."
)
# What a status says -> its field in a document; the first row is the name.
_FIELDS = {
    "kind": "kind",
    "API server": "apiServer",
    "kubeconfig": "kubeconfig",
    "registry": "registry",
    "OLM": "olm",
    "processes": "processes",
}


@click.group()
def cluster() -> None:
    """Create, inspect and delete a cluster."""
    sigterm_like_ctrl_c()


@cluster.command()
@_NAME
@click.option(
    "--kind",
    type=click.Choice(["auto", *KINDS]),
    default="auto",
    show_default=True,
    help="What to start; auto takes $CLUSTER, else what fits this machine, and says why.",
)
@click.option("--olm", is_flag=True, help="Install the Operator Lifecycle Manager too.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of a control plane's API server.")
@click.option(
    "--workers", type=click.IntRange(0, 5), default=0, help="Worker nodes of a kind cluster."
)
def up(name: str, kind: str, olm: bool, port: int | None, workers: int) -> None:
    """Start a cluster, or reuse the one that runs."""
    started = manager.up(kind, olm, name, port=port, workers=workers)
    click.echo(f"Cluster {name} is up ({started.kind}).")
    if started.registry:
        click.echo(f"  Push images to {started.registry}; in the cluster they have the same names.")
    click.echo(f"  export KUBECONFIG={shlex.quote(str(started.kubeconfig))}")


@cluster.command()
@_NAME
def down(name: str) -> None:
    """Stop a cluster and everything that was started for it."""
    found = manager.down(name)
    click.echo(f"Cluster {name} is deleted." if found else f"Cluster {name} does not exist.")


@cluster.command()
@_NAME
@output_option()
def status(name: str, output: str) -> None:
    """Show what runs; exits with 1 if the API server does not answer."""
    told = manager.status(name)
    if output != TEXT:
        rows = {_FIELDS[what]: how for what, how in told.rows[1:]}
        show({"name": name, "up": told.up, **rows}, output)
        raise SystemExit(0 if told.up else 1)
    width = max(len(what) for what, _ in told.rows)
    for what, how in told.rows:
        click.echo(f"{what:<{width}}  {how}")
    raise SystemExit(0 if told.up else 1)


@cluster.command()
@_NAME
def kubeconfig(name: str) -> None:
    """Print the path of a running cluster's kubeconfig."""
    click.echo(manager.kubeconfig(name))
