"""What the generating commands have in common: the checkout they work on, and write or check."""

import sys
from pathlib import Path

import click

from kopfkit.errors import KopfkitError
from kopfkit.packaging import historyfile, releases
from kopfkit.packaging.writer import Output, diff, write
from kopfkit.project import Project, find_root, load

check_option = click.option(
    "--check",
    is_flag=True,
    help="Write nothing; show the differences, and exit with 1 if there are any.",
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Also overwrite files that kopfkit did not generate."
)


class Checkout:
    """The checkout a command is run in: its root, project and release history."""

    def __init__(self) -> None:
        self.root: Path = find_root()
        self.project: Project = load(self.root)
        path = self.root / releases.NAME
        try:
            text = path.read_bytes()
        except OSError as error:
            raise KopfkitError(
                str(path),
                f"cannot be read ({error.strerror})",
                "It holds the release history; create it.",
            ) from None
        self.history = historyfile.parse(self.project, text)

    def image(self, version: str, suffix: str = "") -> str:
        """The default image of a version, with suffix "" the operator's, "-bundle" the bundle's.

        What the history says was published, else a tag below IMAGE_TAG_BASE.
        """
        for release in self.history.releases:
            if release.version == version:
                published = release.images.get(suffix.removeprefix("-") or "operator")
                if published:
                    return published
        return f"{self.project.image_base}{suffix}:v{version}"

    def finish(self, outputs: list[Output], *, check: bool, overwrite: bool, again: str) -> None:
        """Write the outputs, or with `check` show the difference and exit with 1 if there is one.

        Args:
            again: the command that brings the files up to date.
        """
        if check:
            found = "\n".join(text for output in outputs if (text := diff(output, self.root)))
            if found:
                click.echo(found)
                click.echo(f"error: generated files are not up to date; run: {again}", err=True)
                sys.exit(1)
            return
        done = write(outputs, overwrite=overwrite)
        for output in outputs:
            shown = output.path.relative_to(self.root) if self._below(output.path) else output.path
            click.echo(f"{shown}: {'written' if output.path in done else 'unchanged'}")

    def _below(self, path: Path) -> bool:
        return path.is_relative_to(self.root)
