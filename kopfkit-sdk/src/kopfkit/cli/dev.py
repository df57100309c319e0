"""`kopfkit dev`: the operator in the cluster, whose code follows the files."""

import sys
from pathlib import Path
from typing import Any

import click

from kopfkit.cli._signals import until_ctrl_c
from kopfkit.host.progress import Progress
from kopfkit.local import dev as developing
from kopfkit.local.localchildren import Output
from kopfkit.local.localprocesses import DEBUG_PORT


@click.command()
@click.option("--img", "image", help="The operator's image [default: the newest release's].")
@click.option(
    "--debug",
    type=click.IntRange(1, 65535),
    is_flag=False,
    flag_value=str(DEBUG_PORT),
    metavar="[PORT]",
    help="Have the operator in its pod wait for a debugger (DAP), which this port of this machine "
    f"leads to; {DEBUG_PORT} if none is given.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="By default KUBECONFIG, else that of the cluster --name, else ~/.kube/config.",
)
@click.option("--name", default="kopfkit", show_default=True, help="Name of the kopfkit cluster.")
def dev(**options: Any) -> None:
    """Deploy the operator, and send each saved file to its pods. Ctrl-C stops it.

    The image is built and pushed once before (make docker-build docker-push): it has the packages
    that the operator needs. Its own code is that of this checkout.
    """
    with until_ctrl_c():
        developing.run(developing.Options(**options), Output(sys.stdout), Progress())
