"""`--dry-run` of every command that writes files of a project: the diff instead of the change."""

from collections.abc import Sequence
from pathlib import Path

import click

from kopfkit.packaging.writer import Output, preview, write

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Write nothing; show what would change as a diff."
)


def show_diff(text: str) -> None:
    """Print what a dry run came to."""
    click.echo(text or "Nothing would change.")


def put(
    outputs: Sequence[Output], root: Path, *, dry_run: bool, overwrite: bool = False
) -> list[Path] | None:
    """Write the outputs; returns the places that changed, None if it was a dry run.

    Args:
        root: directory that a diff shows paths below.
        overwrite: also replace files that were not generated.

    Raises:
        KopfkitError: a file would be replaced that was not generated; or the disk refuses.
    """
    if dry_run:
        show_diff(preview(outputs, root, overwrite=overwrite))
        return None
    return write(list(outputs), overwrite=overwrite)
