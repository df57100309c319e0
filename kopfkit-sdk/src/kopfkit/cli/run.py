"""`kopfkit run`: the operator outside the cluster, or from a bundle image by OLM."""

import sys
from pathlib import Path
from typing import Any

import click

from kopfkit.cli._bundlerun import run_bundle, run_bundle_upgrade
from kopfkit.cli._signals import until_ctrl_c
from kopfkit.host.progress import Progress
from kopfkit.local import local as running
from kopfkit.local.localchildren import Output
from kopfkit.local.localprocesses import DEBUG_PORT, WEBHOOK_PORT, Options

_PORT = click.IntRange(1, 65535)


@click.group()
def run() -> None:
    """Run the operator outside the cluster, or from a bundle image by OLM."""


run.add_command(run_bundle)
run.add_command(run_bundle_upgrade)


@run.command()
@click.option(
    "--debug",
    type=_PORT,
    is_flag=False,
    flag_value=str(DEBUG_PORT),
    metavar="[PORT]",
    help=f"Have the operator wait for a debugger (DAP) on this port; {DEBUG_PORT} if none "
    "is given.",
)
@click.option(
    "--webhook-port",
    type=_PORT,
    default=WEBHOOK_PORT,
    show_default=True,
    help="Port of the conversion webhook on this machine.",
)
@click.option(
    "--webhook-host",
    help="Address at which the API server reaches this machine; found out where it can be.",
)
@click.option(
    "--health-port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the operator's /healthz and /readyz; a free one by default.",
)
@click.option("--operand-image", help="Default operand image [default: the operator's own image].")
@click.option(
    "--log-format",
    type=click.Choice(("text", "json")),
    help="Log format of both processes (LOG_FORMAT).",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="By default KUBECONFIG, else that of the cluster --name, else ~/.kube/config.",
)
@click.option("--name", default="kopfkit", show_default=True, help="Name of the kopfkit cluster.")
@click.option(
    "--watch",
    is_flag=True,
    help="Start again when a file of the operator was saved; CRDs follow the types in the code.",
)
@click.option("--force", is_flag=True, help="Run even if the operator also runs in the cluster.")
def local(**options: Any) -> None:
    """Run operator and webhook on this machine; the CRD's conversion points here. Ctrl-C stops it.

    Install the CRD first (make install).
    """
    with until_ctrl_c():
        running.run(Options(**options), Output(sys.stdout), Progress())
