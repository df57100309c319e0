"""`kopfkit manifests`: CRDs, RBAC and the rest of the kustomize tree."""

from pathlib import Path

import click

from kopfkit.cli._generation import Checkout, check_option, overwrite_option
from kopfkit.packaging.inputs import check_image, check_version
from kopfkit.packaging.kustomize import config_tree
from kopfkit.packaging.writer import Output
from kopfkit.project import Faults


@click.command()
@click.option(
    "--img", help="The operator's image in config/default [default: IMAGE_TAG_BASE:v<version>]."
)
@click.option("--version", help="The release, without v [default: the newest one].")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write [default: config/ of the checkout].",
)
@check_option
@overwrite_option
def manifests(
    img: str | None, version: str | None, output: Path | None, check: bool, overwrite: bool
) -> None:
    """Write CRDs, RBAC, Deployments and samples as a kustomize tree."""
    checkout = Checkout()
    number = version or checkout.history.newest.version
    image = img or checkout.image(number)
    faults = Faults("manifests")
    check_image(faults, "--img", image)
    check_version(faults, "--version", number)
    faults.raise_if_any()
    release = checkout.history.release(number)
    place = output.resolve() if output else checkout.root / "config"
    checkout.finish(
        [Output(place, config_tree(checkout.project, release, image))],
        check=check,
        overwrite=overwrite,
        again="make manifests",
    )
