"""`kopfkit catalog contribute` and `catalog template`: the catalog for repositories of others."""

from pathlib import Path
from typing import Any

import click

from kopfkit.cli import _output
from kopfkit.cli._generation import Checkout
from kopfkit.cli._output import output_option
from kopfkit.cli._writing import dry_run_option, put
from kopfkit.errors import KopfkitError


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--bundle",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The bundle to contribute [default: bundle/ of the checkout].",
)
@click.option(
    "--catalog",
    "catalogs",
    multiple=True,
    help="For a new package: a catalog to be in, such as v4.18, as a file-based catalog; may be "
    "repeated.",
)
@click.option(
    "--reviewer",
    "reviewers",
    multiple=True,
    help="For a new package: GitHub user who may approve its pull requests; may be repeated.",
)
@dry_run_option
def contribute(
    directory: Path,
    bundle: Path | None,
    catalogs: tuple[str, ...],
    reviewers: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Write the release into DIRECTORY, a checkout of a community-operators repository.

    Only files below operators/<package> are written, and none is changed: a version that is there
    is refused. A package whose ci.yaml enables fbc gets a release-config.yaml, from which the
    repository's pipeline updates catalog templates and catalogs.
    """
    from kopfkit.packaging.writer import Output
    from kopfkit.releasing import community
    from kopfkit.releasing.contribution import contribution

    checkout = Checkout()
    source = bundle or checkout.root / "bundle"
    files = {
        path.relative_to(source).as_posix(): _text(path)
        for path in sorted(source.rglob("*"))
        if path.is_file()
    }
    name = f"manifests/{checkout.project.name}.clusterserviceversion.yaml"
    if name not in files:
        raise KopfkitError(str(source / name), "does not exist", "Generate it: make bundle.")
    csv = _csv(source / name, files[name])
    release = checkout.history.release(csv["spec"]["version"])
    community.faults(checkout.project, release, csv).raise_if_any("Fix the project's description.")
    made = contribution(
        directory.resolve(),
        checkout.project,
        release,
        files,
        default_channel=checkout.history.default_channel,
        catalogs=catalogs,
        reviewers=reviewers,
    )
    below = f"{release.version}/"
    outputs = [
        Output(made.directory / path, {"": text})
        for path, text in made.files.items()
        if not path.startswith(below)
    ]
    version = {
        path.removeprefix(below): text
        for path, text in made.files.items()
        if path.startswith(below)
    }
    outputs.append(Output(made.directory / release.version, version))
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    if put(outputs, directory.resolve(), dry_run=dry_run, overwrite=True) is None:
        return
    for path in made.files:
        click.echo(f"written  operators/{checkout.project.name}/{path}")
    click.echo(
        f"Next: git -C {directory} checkout -b {checkout.project.name}-{release.version}, add and "
        f"commit operators/{checkout.project.name} with --signoff, and open a pull request."
    )


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, ValueError) as error:
        raise KopfkitError(str(path), f"cannot be read ({error})") from None


def _csv(path: Path, text: str) -> dict[str, Any]:
    """A ClusterServiceVersion that has a version."""
    from kopfkit import yamls
    from kopfkit.manifests import CSV, typed

    wrong: list[str] = []
    found = yamls.load(text, str(path))
    csv = typed(
        found if isinstance(found, dict) else {},
        lambda field, why: wrong.append(f"{field} {why}"),
    )
    if csv.get("kind") != CSV:
        wrong.append(f"is no {CSV}")
    elif not csv.get("spec", {}).get("version"):
        wrong.append("has no spec.version")
    if wrong:
        raise KopfkitError(str(path), wrong[0], "Generate it: make bundle.")
    return csv


@click.command()
@output_option(default=_output.YAML)
def template(output: str) -> None:
    """Print the release history as opm's basic template.

    `opm alpha render-template basic` makes the catalog of it, reading every bundle's image.
    """
    from kopfkit.packaging.templates import basic

    checkout = Checkout()
    images = {
        one.version: checkout.image(one.version, "-bundle") for one in checkout.history.releases
    }
    _output.show(basic(checkout.project, checkout.history, images), output)
