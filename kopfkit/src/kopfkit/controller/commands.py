"""The command line of an operator: `run`, `webhook`, and what logs look like.

What a command runs is imported in it: an operator's other commands need none of that.
"""

import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from kopfkit.controller.settings import (
    CERT_DIR,
    HEALTH_PORT,
    WEBHOOK_PORT,
    Settings,
    watched_namespaces,
)
from kopfkit.errors import KopfkitError

if TYPE_CHECKING:
    from kopfkit.controller.identity import Identity
    from kopfkit.controller.webhooks import Admitting
    from kopfkit.conversion import AnyConverter

__all__ = [
    "group",
    "logging_options",
    "main",
    "run_options",
    "serve_webhook",
    "set_up_logs",
    "webhook_options",
]

F = TypeVar("F", bound=Callable[..., Any])
_PORT: Final = click.IntRange(0, 65535)
_METRICS_PORT: Final = click.option(
    "--metrics-port",
    type=_PORT,
    default=Settings.metrics_port,
    show_default=True,
    help="Port of /metrics; 0 for none.",
)
_LOGGING: Final = (
    click.option(
        "--log-format",
        type=click.Choice(("text", "json")),
        default="text",
        envvar="LOG_FORMAT",
        show_default=True,
        help="Text or JSON log lines (LOG_FORMAT).",
    ),
    click.option(
        "--log-level",
        type=click.Choice(("debug", "info", "warning", "error"), case_sensitive=False),
        default="info",
        envvar="LOG_LEVEL",
        show_default=True,
        help="Minimum log level (LOG_LEVEL).",
    ),
)
_RUN: Final = (
    click.option(
        "--namespace",
        "namespaces",
        multiple=True,
        help="Watch only this namespace; may be repeated [default: all].",
    ),
    click.option("--lease-namespace", help="Namespace of the Lease [default: POD_NAMESPACE]."),
    click.option(
        "--leader-elect/--no-leader-elect",
        default=True,
        show_default=True,
        help="Reconcile only while holding the leader election Lease.",
    ),
    click.option(
        "--health-port",
        type=_PORT,
        default=HEALTH_PORT,
        show_default=True,
        help="Port of /healthz and /readyz; 0 chooses a free one.",
    ),
    _METRICS_PORT,
    click.option(
        "--metrics-objects",
        type=click.IntRange(0, 10_000),
        default=Settings.metrics_objects,
        show_default=True,
        help="How many objects of a kind get metrics of their own, with their names; all are in "
        "the totals.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1, 256),
        default=Settings.workers,
        show_default=True,
        help="Maximum concurrent reconciles of a controller.",
    ),
    click.option(
        "--resync",
        type=click.FloatRange(min=1.0),
        default=Settings.resync,
        show_default=True,
        help="Resync period in seconds: how often caches are compared with full lists.",
    ),
    click.option(
        "--watch-silence",
        type=click.FloatRange(min=1.0),
        default=Settings.watch_silence,
        show_default=True,
        help="Seconds of silence after which a watch is reopened; bookmarks come every 60 s.",
    ),
    click.option(
        "--manage-certificates",
        is_flag=True,
        help="Manage the webhook's certificates; for clusters with neither OLM nor cert-manager.",
    ),
)
_WEBHOOK: Final = (
    click.option(
        "--cert-dir",
        type=click.Path(path_type=Path),
        default=CERT_DIR,
        show_default=True,
        help="Directory with tls.crt and tls.key.",
    ),
    click.option("--port", type=_PORT, default=WEBHOOK_PORT, show_default=True, help="HTTPS port."),
    click.option(
        "--health-port",
        type=_PORT,
        default=HEALTH_PORT,
        show_default=True,
        help="Port of /healthz and /readyz.",
    ),
    _METRICS_PORT,
)


def logging_options(command: F) -> F:
    """Options of a group: what log lines look like, for `set_up_logs`."""
    return _all(_LOGGING, command)


def run_options(command: F) -> F:
    """Options of `run`, by the names of `Settings`."""
    return _all(_RUN, command)


def webhook_options(command: F) -> F:
    """Options of `webhook`: cert_dir, port, health_port, metrics_port."""
    return _all(_WEBHOOK, command)


def set_up_logs(log_format: str, log_level: str) -> None:
    """Have the process write log lines as asked for."""
    from kopfkit.runtime.telemetry import logs

    logs.setup(log_format, log_level.lower())


def serve_webhook(
    identity: "Identity",
    converter: "AnyConverter | None",
    *crds: str,
    admission: "Sequence[Admitting]" = (),
    cert_dir: Path,
    port: int,
    health_port: int,
    metrics_port: int = 0,
) -> None:
    """Serve the webhooks until SIGTERM or SIGINT."""
    import asyncio

    from kopfkit.controller import tasks, webhooks

    async def until_signal() -> None:
        stop = asyncio.Event()
        tasks.on_signals(stop)
        await webhooks.run(
            identity,
            converter,
            *crds,
            admission=admission,
            cert_dir=cert_dir,
            port=port,
            health_port=health_port,
            metrics_port=metrics_port,
            stop=stop,
        )

    asyncio.run(until_signal())


def group(
    identity: "Identity",
    run_controllers: Callable[[Settings], Coroutine[Any, Any, None]],
    serve_webhooks: Callable[..., None] | None,
) -> click.Group:
    """The commands of an operator.

    Args:
        identity: the operator's.
        run_controllers: what `run` awaits.
        serve_webhooks: what `webhook` calls with the values of `webhook_options`; None for none.
    """

    @click.group()
    @logging_options
    @click.version_option(identity.version, prog_name=identity.name)
    def commands(log_format: str, log_level: str) -> None:
        set_up_logs(log_format, log_level)

    @commands.command()
    @run_options
    def run(namespaces: tuple[str, ...], **options: Any) -> None:
        """Run the controllers.

        WATCH_NAMESPACE names namespaces, separated by commas, where --namespace is not given.
        """
        import asyncio

        namespaces = namespaces or watched_namespaces()
        asyncio.run(run_controllers(Settings(namespaces=namespaces, **options)))

    if serve_webhooks is not None:

        @commands.command()
        @webhook_options
        def webhook(**options: Any) -> None:
            """Serve the conversion and admission webhooks."""
            serve_webhooks(**options)

    return commands


def main(commands: click.Group, name: str, argv: list[str] | None = None) -> None:
    """Run a command line; an expected failure is one message and exit code 1."""
    try:
        commands.main(args=argv, prog_name=name, standalone_mode=True)
    except KopfkitError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _all(options: tuple[Callable[[F], F], ...], command: F) -> F:
    for option in reversed(options):
        command = option(command)
    return command
