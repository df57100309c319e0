"""The `kopfkit` command. Subcommands are imported when they are called, so that `--help` and a
generator do not pay for the cluster tools, nor the other way round."""

import errno
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from kopfkit.errors import KopfkitError

# Command name -> "module:attribute", and the line that `kopfkit --help` shows for it.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("kopfkit.cli.scaffold:init", "Create a project for an operator"),
    "create": ("kopfkit.cli.scaffold:create", "Add an API to a project"),
    "edit": ("kopfkit.cli.scaffold:edit", "Change the settings given to init"),
    "update": (
        "kopfkit.cli.scaffold:update",
        "Update a project to this kopfkit, keeping your edits",
    ),
    "doctor": (
        "kopfkit.cli.doctor:doctor",
        "Say what stands between a kopf project and OLM",
    ),
    "cluster": ("kopfkit.cli.cluster:cluster", "Create, inspect and delete a cluster"),
    "tools": ("kopfkit.cli.tools:tools", "Find or build the cluster tools"),
    "olm": ("kopfkit.cli.olm:olm", "Install, check or remove the Operator Lifecycle Manager"),
    "image": ("kopfkit.cli.image:image", "Build and push the operator's images"),
    "subscribe": ("kopfkit.cli.subscription:subscribe", "Install an operator by Subscription"),
    "unsubscribe": (
        "kopfkit.cli.subscription:unsubscribe",
        "Remove the operator that subscribe installed",
    ),
    "migrate": ("kopfkit.cli.migrate:migrate", "Migrate stored objects to the storage version"),
    "cleanup": ("kopfkit.cli._bundlerun:cleanup", "Remove an operator that OLM has installed"),
    "run": ("kopfkit.cli.run:run", "Run the operator on this machine, or from a bundle image"),
    "dev": ("kopfkit.cli.dev:dev", "Run the code of this checkout in the cluster's pods"),
    "manifests": ("kopfkit.cli.generate:manifests", "Write CRDs, RBAC and the kustomize tree"),
    "chart": ("kopfkit.cli.chart:chart", "Generate and package the Helm chart"),
    "bundle": ("kopfkit.cli.bundle:bundle", "Generate and validate the OLM bundle"),
    "scorecard": ("kopfkit.cli.scorecard:scorecard", "Run operator-sdk's scorecard on the bundle"),
    "catalog": ("kopfkit.cli.catalog:catalog", "Generate and validate the file-based catalog"),
    "guard": (
        "kopfkit.cli.guard:guard",
        "Keep the conversion of any operator's CRDs through upgrades",
    ),
    "preview": ("kopfkit.cli.preview:preview", "Show the operator's page in a catalog"),
    "release": ("kopfkit.cli.release:release", "Build, check, sign and push a release"),
    "simulate": (
        "kopfkit.cli.simulate:simulate",
        "Simulate an upgrade by OLM, step by step",
    ),
    "completion": ("kopfkit.cli.completion:completion", "Print the completion script of a shell"),
}


# 128 and the number of SIGINT.
INTERRUPTED = 130
# A full or read-only disk may show anywhere, and is no bug of ours.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class LazyGroup(click.Group):
    """A click group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; one that Ctrl-C ends exits with 130, as shells expect."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort) as error:
            # click says Abort for a Ctrl-C at a question, and for the end of the input.
            asked = isinstance(error, click.Abort)
            if asked and not isinstance(error.__context__, KeyboardInterrupt):
                raise
            click.echo("Aborted!", err=True)
            ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup)
@click.version_option(package_name="kopfkit-sdk")
def kopfkit() -> None:
    """Everything around a kopf operator: CRDs, conversion, OLM bundles and catalogs, clusters."""


def main(argv: list[str] | None = None) -> Any:
    """Run the command line; an expected failure is printed as one message and exits with 1."""
    try:
        return kopfkit.main(args=argv, prog_name="kopfkit", standalone_mode=True)
    except KopfkitError as error:
        from kopfkit.cli._callers import fitting

        click.echo(f"error: {fitting(str(error), os.environ, Path.cwd())}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _DISK:
            raise
        place = error.filename or "a file in KOPFKIT_CACHE_DIR or KOPFKIT_STATE_DIR"
        click.echo(f"error: {place}: cannot be written ({error.strerror})", err=True)
        click.echo("  hint: Free some space there, or set these to other directories.", err=True)
        sys.exit(1)
