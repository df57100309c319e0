"""The `helloworld-operator` command, whose processes and Jobs import only what they need."""

import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from kopfkit import termination
from kopfkit.controller import commands

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(invoke_without_command=True)
@commands.logging_options
@click.version_option(package_name="helloworld-operator")
@click.pass_context
def cli(context: click.Context, log_format: str, log_level: str) -> None:
    """Keeps a greeting service running for every HelloWorld."""
    context.obj = (log_format, log_level)
    if context.invoked_subcommand is None:
        # spec.image may name this image; the Deployment then passes no arguments.
        if "GREETING_MESSAGE" in os.environ:
            context.invoke(serve)
        else:
            click.echo(context.get_help())


@cli.command()
@commands.run_options
@click.pass_context
def run(context: click.Context, /, namespaces: tuple[str, ...], **options: Any) -> None:
    """Run the controller."""
    import asyncio

    from helloworld_operator.controller.operator import operator
    from kopfkit.controller import Settings

    commands.set_up_logs(*context.obj)
    # The name that OLM's relatedImages use.
    if not (image := os.environ.get("RELATED_IMAGE_HELLOWORLD", "").strip()):
        text = "RELATED_IMAGE_HELLOWORLD is not set: HelloWorlds without spec.image stay Degraded"
        logging.getLogger(__name__).warning(text)
    asyncio.run(operator(image or None).run(Settings(namespaces=namespaces, **options)))


@cli.command()
@commands.webhook_options
@click.pass_context
def webhook(context: click.Context, /, **options: Any) -> None:
    """Serve the conversion and admission webhooks."""
    from helloworld_operator.api import HELLOWORLD
    from helloworld_operator.api.admission import ADMISSION
    from helloworld_operator.api.conversion import CONVERTER
    from helloworld_operator.identity import IDENTITY

    commands.set_up_logs(*context.obj)
    commands.serve_webhook(
        IDENTITY, CONVERTER, HELLOWORLD.crd_name, admission=[ADMISSION], **options
    )


@cli.command()
def serve() -> None:
    """Serve the greeting of $GREETING_MESSAGE on $PORT (8080)."""
    from helloworld_operator import operand

    operand.serve()


def _directory(name: str, attribute: str, text: str) -> Callable[[Command], Command]:
    """An option that names an existing directory."""
    kind = click.Path(path_type=Path, exists=True, file_okay=False)
    return click.option(name, attribute, type=kind, required=True, help=text)


@cli.command()
@click.option("--from", "url", required=True, help="URL of the greeting server, without a path.")
@_directory("--to", "directory", "Directory to write to; a complete copy in it is left as it is.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a server that does not answer.",
)
def snapshot(url: str, directory: Path, patience: float) -> None:
    """Fetch a consistent copy of a running guest book."""
    from helloworld_operator.copies.fetch import fetch

    with termination.failures_told():
        made = fetch(url, directory, patience=patience)
        termination.tell(asdict(made))
        click.echo(f"has {made.entries} entries in {made.bytes} bytes, SHA-256 {made.sha256}")


@cli.command()
@_directory("--from", "source", "Directory of the copy.")
@_directory("--to", "directory", "Directory to fill; one that has a guest book is left as it is.")
@click.option("--sha256", default="", help="Restore only the copy with this checksum.")
def restore(source: Path, directory: Path, sha256: str) -> None:
    """Fill an empty volume from a copy."""
    from helloworld_operator.copies.restore import restore as fill

    with termination.failures_told():
        known, written = fill(source, directory, sha256=sha256)
        termination.tell({**asdict(known), "restored": written})
        click.echo(
            f"restored {known.entries} entries" if written else "there is data: nothing was changed"
        )


def main(argv: list[str] | None = None) -> None:
    """Run the command line; an expected failure is one message and exit code 1."""
    commands.main(cli, "helloworld-operator", argv)
