"""What the generating commands have in common: the checkout they work on, and write or check."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from kopfkit.cli._writing import dry_run_option, put
from kopfkit.errors import KopfkitError
from kopfkit.packaging import historyfile, releases
from kopfkit.packaging.inputs import check_image, check_version
from kopfkit.packaging.writer import Output, diff
from kopfkit.project import Faults, Project, find_root, load

F = TypeVar("F", bound=Callable[..., Any])

version_option = click.option("--version", help="The release, without v [default: the newest one].")
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Also overwrite files that kopfkit did not generate."
)
_check_option = click.option(
    "--check",
    is_flag=True,
    help="Write nothing; show the differences, and exit with 1 if there are any.",
)


def img_option(where: str = "") -> Callable[[F], F]:
    """The operator's image; `where` tells in the help what it is written into."""
    text = f"The operator's image{where} [default: IMAGE_TAG_BASE:v<version>]."
    return click.option("--img", help=text)


def finish_options(command: F) -> F:
    """What `Checkout.finish` takes: --check, --dry-run and --overwrite."""
    return _check_option(dry_run_option(overwrite_option(command)))


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

    def chosen(self, version: str | None, img: str | None) -> tuple[str, str]:
        """A release's number and the operator's image in it, by default the newest's."""
        number = version or self.history.newest.version
        return number, img or self.image(number)

    def checked(self, command: str, version: str | None, img: str | None) -> tuple[str, str]:
        """As `chosen`; KopfkitError, which names the command, with every fault of the options."""
        number, image = self.chosen(version, img)
        faults = Faults(command)
        check_image(faults, "--img", image)
        check_version(faults, "--version", number)
        faults.raise_if_any()
        return number, image

    def finish(
        self,
        outputs: list[Output],
        *,
        again: str,
        check: bool = False,
        overwrite: bool = False,
        dry_run: bool = False,
    ) -> None:
        """Write the outputs, or with `check` show the difference and exit with 1 if there is one;
        with `dry_run` only show it.

        Args:
            again: the command that brings the files up to date.
        """
        self._warn()
        if check:
            found = "\n".join(text for output in outputs if (text := diff(output, self.root)))
            if found:
                click.echo(found)
                click.echo(f"error: generated files are not up to date; run: {again}", err=True)
                sys.exit(1)
            return
        done = put(outputs, self.root, dry_run=dry_run, overwrite=overwrite)
        if done is None:
            return
        for output in outputs:
            shown = output.path.relative_to(self.root) if self._below(output.path) else output.path
            click.echo(f"{shown}: {'written' if output.path in done else 'unchanged'}")

    def _warn(self) -> None:
        """Say what the CRD files of the project leave out."""
        files = [each.file for each in self.project.resources if each.file is not None]
        for file in files:
            if self._below(file.path):
                file = replace(file, path=file.path.relative_to(self.root))
            for one in file.warnings:
                click.echo(f"warning: {file.placed(one)}: {one.why}", err=True)

    def _below(self, path: Path) -> bool:
        return path.is_relative_to(self.root)
