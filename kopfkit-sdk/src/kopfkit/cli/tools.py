"""`kopfkit tools`: where the cluster tools come from, and building them ahead of time."""

import click
from rich.console import Console
from rich.table import Table

from kopfkit.cli._output import TEXT, output_option, show
from kopfkit.cli._signals import sigterm_like_ctrl_c
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.binaries import BINARIES


@click.group()
def tools() -> None:
    """Find or build the cluster tools."""
    sigterm_like_ctrl_c()


@tools.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def build(names: tuple[str, ...]) -> None:
    """Build the tools that are not on PATH or in KUBEBUILDER_ASSETS.

    Without NAME, all but helm and those of OLM v1, which `kopfkit olm install --v1` builds.
    """
    usual = [name for name, binary in BINARIES.items() if not binary.seldom]
    toolchain.ensure(names or usual, Progress())


@tools.command(name="list")
@output_option()
def list_(output: str) -> None:
    """Show each tool: version, source and why, path."""
    if output != TEXT:
        rows = [
            {
                "name": choice.name,
                "version": choice.version,
                "from": choice.origin,
                "why": choice.why,
                "path": str(choice.path),
            }
            for choice in toolchain.everything()
        ]
        show(rows, output)
        return
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
