"""The `helloworld-operator` command: one image, three processes and two commands of
Jobs. Each imports only what it needs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from helloworld_operator.settings import (
    CERT_DIR,
    HEALTH_PORT,
    WEBHOOK_PORT,
    Settings,
    default_image,
)
from kopfkit.errors import KopfkitError

_PORT = click.IntRange(0, 65535)
_METRICS_PORT = click.option(
    "--metrics-port",
    type=_PORT,
    default=Settings.metrics_port,
    show_default=True,
    help="Port of /metrics; 0 for none.",
)


@click.group(invoke_without_command=True)
@click.option(
    "--log-format",
    type=click.Choice(("text", "json")),
    default="text",
    envvar="LOG_FORMAT",
    show_default=True,
    help="Lines for people or for a log collector (LOG_FORMAT).",
)
@click.option(
    "--log-level",
    type=click.Choice(("debug", "info", "warning", "error"), case_sensitive=False),
    default="info",
    envvar="LOG_LEVEL",
    show_default=True,
    help="The least level that is logged (LOG_LEVEL).",
)
@click.version_option(package_name="helloworld-operator")
@click.pass_context
def cli(context: click.Context, log_format: str, log_level: str) -> None:
    """Keeps a greeting service running for every HelloWorld."""
    context.obj = (log_format, log_level.lower())
    if context.invoked_subcommand is None:
        # spec.image may name this image; the Deployment then passes no arguments.
        if "GREETING_MESSAGE" in os.environ:
            context.invoke(serve)
        else:
            click.echo(context.get_help())


@cli.command()
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    help="Watch only this namespace; may be given several times. All by default.",
)
@click.option("--lease-namespace", help="Where the Lease is. POD_NAMESPACE by default.")
@click.option(
    "--leader-elect/--no-leader-elect",
    default=True,
    show_default=True,
    help="Act only while holding the Lease.",
)
@click.option(
    "--health-port",
    type=_PORT,
    default=HEALTH_PORT,
    show_default=True,
    help="Port of /healthz and /readyz; 0 chooses a free one.",
)
@_METRICS_PORT
@click.option(
    "--metrics-objects",
    type=click.IntRange(0, 10_000),
    default=Settings.metrics_objects,
    show_default=True,
    help="How many objects of a kind get metrics of their own, with their names; all are in the "
    "totals.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=Settings.workers,
    show_default=True,
    help="How many objects are reconciled at a time.",
)
@click.option(
    "--resync",
    type=click.FloatRange(min=1.0),
    default=Settings.resync,
    show_default=True,
    help="Seconds between two comparisons of the caches with full lists.",
)
@click.option(
    "--watch-silence",
    type=click.FloatRange(min=1.0),
    default=Settings.watch_silence,
    show_default=True,
    help="Seconds after which a silent watch is opened anew; the API server speaks every 60 s.",
)
@click.option(
    "--manage-certificates",
    is_flag=True,
    help="Make the webhook's certificates; for clusters with neither OLM nor cert-manager.",
)
@click.pass_context
def run(context: click.Context, /, namespaces: tuple[str, ...], **options: Any) -> None:
    """Run the controller."""
    import asyncio

    from helloworld_operator.controller.process import run as run_controller

    _log(context)
    settings = Settings(image=default_image(), namespaces=namespaces, **options)
    asyncio.run(run_controller(settings))


@cli.command()
@click.option(
    "--cert-dir",
    type=click.Path(path_type=Path),
    default=CERT_DIR,
    show_default=True,
    help="Directory of tls.crt and tls.key.",
)
@click.option("--port", type=_PORT, default=WEBHOOK_PORT, show_default=True, help="HTTPS port.")
@click.option(
    "--health-port",
    type=_PORT,
    default=HEALTH_PORT,
    show_default=True,
    help="Port of /healthz and /readyz.",
)
@_METRICS_PORT
@click.pass_context
def webhook(
    context: click.Context, cert_dir: Path, port: int, health_port: int, metrics_port: int
) -> None:
    """Serve the conversion webhook."""
    import asyncio
    import signal

    from helloworld_operator import webhook as implementation

    async def until_signal() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await implementation.run(
            cert_dir=cert_dir,
            port=port,
            health_port=health_port,
            metrics_port=metrics_port,
            stop=stop,
        )

    _log(context)
    asyncio.run(until_signal())


@cli.command()
def serve() -> None:
    """Serve the greeting of $GREETING_MESSAGE on $PORT (8080)."""
    from helloworld_operator import operand

    operand.serve()


@cli.command()
@click.option("--from", "url", required=True, help="URL of the greeting server, without a path.")
@click.option(
    "--to",
    "directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Directory that the copy is written to; a complete one in it is left as it is.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a server that does not answer.",
)
def snapshot(url: str, directory: Path, patience: float) -> None:
    """Fetch a consistent copy of a running guest book."""
    from helloworld_operator.copies import outcome
    from helloworld_operator.copies.fetch import fetch

    with _outcome():
        made = fetch(url, directory, patience=patience)
        outcome.tell(outcome.success(made))
        click.echo(f"has {made.entries} entries in {made.bytes} bytes, SHA-256 {made.sha256}")


@cli.command()
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Directory of the copy.",
)
@click.option(
    "--to",
    "directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Directory to fill; one that has a guest book is left as it is.",
)
@click.option("--sha256", default="", help="Restore only the copy with this checksum.")
def restore(source: Path, directory: Path, sha256: str) -> None:
    """Fill an empty volume from a copy."""
    from helloworld_operator.copies import outcome
    from helloworld_operator.copies.restore import restore as fill

    with _outcome():
        known, written = fill(source, directory, sha256=sha256)
        outcome.tell(outcome.success(known, restored=written))
        click.echo(
            f"restored {known.entries} entries" if written else "there is data: nothing was changed"
        )


@contextmanager
def _outcome() -> Iterator[None]:
    """Tell a failure to the kubelet before it ends the process; exit code 3 if it is final."""
    from helloworld_operator.copies import outcome

    try:
        yield
    except KopfkitError as error:
        outcome.tell(outcome.failure(error))
        if isinstance(error, outcome.Hopeless):
            click.echo(f"error: {error}", err=True)
            sys.exit(outcome.HOPELESS)
        raise


def _log(context: click.Context) -> None:
    from kopfkit.runtime import logs

    logs.setup(*context.obj)


def main(argv: list[str] | None = None) -> None:
    """Run the command line; an expected failure is one message and exit code 1."""
    try:
        cli.main(args=argv, prog_name="helloworld-operator", standalone_mode=True)
    except KopfkitError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
