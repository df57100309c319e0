"""The options of commands that work on any cluster."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def target_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which cluster."""
    for option in (
        click.option(
            "--name", default="kopfkit", show_default=True, help="Name of the kopfkit cluster."
        ),
        click.option(
            "--kubeconfig",
            type=click.Path(path_type=Path),
            help="Kubeconfig of any cluster, instead of --name.",
        ),
    ):
        function = option(function)
    return function
