"""Writes a page of which a part is generated, or checks it."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def main(page: Path, written: Callable[[str], str], source: str, arguments: Sequence[str]) -> int:
    """Write the page; with --check nothing is written, and a page that differs is an error.

    Args:
        page: its path.
        written: the page with what is generated, of the page as it is; ValueError says why not.
        source: what it is generated from, for people.
        arguments: of the command line.

    Returns:
        The exit code.
    """
    before = page.read_text()
    try:
        after = written(before)
    except ValueError as error:
        print(f"error: {page}: {error}", file=sys.stderr)
        return 1
    if "--check" not in arguments:
        page.write_text(after)
        return 0
    if after != before:
        print(f"error: {page} differs from {source}\n  hint: make docs", file=sys.stderr)
    return int(after != before)
