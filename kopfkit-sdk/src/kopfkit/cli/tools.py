"""`kopfkit tools`: where the cluster tools come from, and building them ahead of time."""

import click
from rich.console import Console
from rich.table import Table

from kopfkit.cli._signals import sigterm_like_ctrl_c
from kopfkit.cluster import toolchain
from kopfkit.cluster.binaries import BINARIES
from kopfkit.cluster.progress import Progress


@click.group()
def tools() -> None:
    """Find or build the cluster tools."""
    sigterm_like_ctrl_c()


@tools.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def build(names: tuple[str, ...]) -> None:
    """Build the tools that are not on PATH or in KUBEBUILDER_ASSETS; all tools without NAME."""
    toolchain.ensure(names or list(BINARIES), Progress())


@tools.command(name="list")
def list_() -> None:
    """Show each tool: version, source and why, path."""
    table = Table("TOOL", "VERSION", "FROM", "WHY", "PATH", box=None, pad_edge=False)
    for choice in toolchain.everything():
        path = "" if choice.origin == "to be built" else str(choice.path)
        table.add_row(choice.name, choice.version, choice.origin, choice.why, path)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 400  # a pipe has no width to fit into: one line per tool
    console.print(table)


@tools.command()
@click.argument("name")
def path(name: str) -> None:
    """Print the path of a tool; builds it if needed."""
    click.echo(toolchain.tool(name, Progress()))
