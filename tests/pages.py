"""A page of docs/ as somebody follows it: its commands, run in a folder."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def lines(page: str, section: str = "") -> list[str]:
    """The command lines of a section of a page; "" for what comes before the first heading.

    Args:
        page: its path in docs/.
        section: the text of a heading of the second level.
    """
    parts = re.split(r"^## (.*)$", (DOCS / page).read_text("utf-8"), flags=re.MULTILINE)
    text = dict(zip(["", *parts[1::2]], parts[::2], strict=True))[section]
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, without a terminal; its output and errors are one text."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
