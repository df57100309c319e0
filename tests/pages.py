"""A page of docs/ as somebody follows it: its commands, run in a folder."""

import os
import re
import signal
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


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language in a page's text."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    timeout: float = 900.0,
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, without a terminal; its output and errors are one text.

    Raises:
        AssertionError: it has not ended within the timeout; with what it printed until then.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except BaseException as error:
            output = _end(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            line = " ".join(command)
            raise AssertionError(f"{line}: not within {timeout:.0f} s:\n{output}") from None
    return subprocess.CompletedProcess(command, process.returncode, output)


def _end(process: "subprocess.Popen[str]") -> str:
    """Press Ctrl-C, and kill what ignores it; returns what was printed.

    The children too: one that lives on keeps the pipe open, and reading it would wait for that.
    """
    os.killpg(process.pid, signal.SIGINT)
    try:
        return process.communicate(timeout=20)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]
