"""What the validating commands have in common: tools that judge, and one report of every fault."""

import click

from kopfkit.errors import KopfkitError
from kopfkit.project import Faults


def tool_fault(name: str, arguments: list[str]) -> str:
    """What the tool has to say against its input; "" if nothing, warnings included."""
    # Imported here: the generators beside this module do not wait for the cluster tools.
    from kopfkit.cluster.process import run
    from kopfkit.cluster.toolchain import tool

    path = tool(name)
    try:
        text = run([str(path), *arguments])
    except KopfkitError as error:
        return error.why
    warnings = [line for line in text.splitlines() if "level=warning" in line]
    return "\n".join(warnings)


def report(faults: Faults, fine: str) -> None:
    """Print `fine`, or raise KopfkitError that lists every fault."""
    faults.raise_if_any()
    click.echo(fine)
