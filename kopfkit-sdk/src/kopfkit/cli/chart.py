"""`kopfkit chart generate|package`."""

from pathlib import Path

import click

from kopfkit.cli._generation import Checkout, finish_options, img_option, version_option


@click.group()
def chart() -> None:
    """Generate and package the operator's Helm chart."""


_img = img_option(" in values.yaml")


@chart.command()
@version_option
@_img
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write [default: chart/ of the checkout].",
)
@finish_options
def generate(version: str | None, img: str | None, output: Path | None, **finish: bool) -> None:
    """Write the chart of one release: templates, values with their schema, README."""
    from kopfkit.packaging.helm.chart import chart_tree
    from kopfkit.packaging.writer import Output

    checkout = Checkout()
    number, image = checkout.checked("chart generate", version, img)
    tree = chart_tree(checkout.project, checkout.history.release(number), image)
    place = output.resolve() if output else checkout.root / "chart"
    checkout.finish([Output(place, tree)], again="kopfkit chart generate", **finish)


@chart.command()
@version_option
@_img
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the archive [default: dist/ of the checkout].",
)
def package(version: str | None, img: str | None, output: Path | None) -> None:
    """Write the chart as NAME-VERSION.tgz, with the same bytes each time.

    It is what `helm install` and `helm push` take. It is made from the project description, not
    from chart/.
    """
    from kopfkit.errors import KopfkitError
    from kopfkit.host import files
    from kopfkit.packaging.helm.chart import archive, chart_tree

    checkout = Checkout()
    number, image = checkout.checked("chart package", version, img)
    tree = chart_tree(checkout.project, checkout.history.release(number), image)
    place = output.resolve() if output else checkout.root / "dist"
    path = place / f"{checkout.project.name}-{number}.tgz"
    try:
        place.mkdir(parents=True, exist_ok=True)
        files.write(path, archive(checkout.project.name, tree), mode=0o644)
    except OSError as error:
        raise KopfkitError(str(path), f"cannot be written ({error.strerror})") from None
    click.echo(path)
