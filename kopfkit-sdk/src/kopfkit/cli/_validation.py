"""What the validating commands have in common: tools that judge, and one report of every fault."""

import click

from kopfkit.project import Faults


def tool_fault(name: str, arguments: list[str]) -> str:
    """What the tool has to say against its input; "" if nothing, warnings included."""
    # Imported here: the generators beside this module do not wait for the cluster tools.
    from kopfkit.host.process import CommandFailed, run
    from kopfkit.toolchain.toolchain import tool

    path = tool(name)
    said: list[str] = []
    try:
        run([str(path), *arguments], on_line=said.append)
    except CommandFailed as error:
        return error.output.strip() or error.why
    return "\n".join(line.strip() for line in said if "level=warning" in line)


def report(faults: Faults, fine: str) -> None:
    """Print `fine`, or raise KopfkitError that lists every fault."""
    faults.raise_if_any()
    click.echo(fine)
