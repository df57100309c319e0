"""Writes the commands and options in docs/reference/commands.md, as click knows them: `make docs`.

Only what stands between `<!-- begin -->` and `<!-- end -->` is written. With --check nothing is
written, and a page that differs is an error.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

import generatedpage
from kopfkit.cli import kopfkit

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "commands.md"
BEGIN, END = "<!-- begin -->\n", "<!-- end -->"


def lines(command: click.Command, name: str) -> Iterator[str]:
    """A command and all below it, as Markdown."""
    context = click.Context(command, info_name=name)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from lines(found, f"{name} {below}")
        return
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    usage = " ".join([name, *(one.make_metavar(context) for one in arguments)])
    yield f"### `{usage}`\n\n{_text(command.help or '')}\n"
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    records = [(one, one.get_help_record(context)) for one in options]
    if rows := [_row(record) for _, record in records if record]:
        yield "\n".join(["| | |", "|---|---|", *rows, ""])


def _row(record: tuple[str, str]) -> str:
    flags, text = (re.sub(r"\s+", " ", one).replace("|", "\\|") for one in record)
    return f"| `{flags}` | {_plain(text)} |"


def _text(text: str) -> str:
    """Help as click holds it: \b keeps the lines of what follows."""
    found = []
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith("\b"):
            found.append("```\n" + paragraph.removeprefix("\b").strip("\n") + "\n```")
        else:
            found.append(_plain(" ".join(paragraph.split())))
    return "\n\n".join(found)


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def written(page: str) -> str:
    """The page with the commands as they are now.

    Raises:
        ValueError: they have no place in the page.
    """
    head, found, rest = page.partition(BEGIN)
    _, closed, tail = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{BEGIN.strip()} has to stand in the page, with {END} after it")
    listed = "\n".join(lines(kopfkit, "kopfkit"))
    return f"{head}{BEGIN}\n{listed}\n{END}{tail}"


if __name__ == "__main__":
    sys.exit(generatedpage.main(PAGE, written, "the commands", sys.argv[1:]))
