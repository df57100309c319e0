"""`kopfkit manifests`: CRDs, RBAC and the rest of the kustomize tree."""

from pathlib import Path

import click

from kopfkit.cli._generation import Checkout, check_option, overwrite_option
from kopfkit.packaging.inputs import check_image
from kopfkit.packaging.kustomize import config_tree
from kopfkit.packaging.writer import Output
from kopfkit.project import Faults


@click.command()
@click.option("--img", help="The operator's image in config/default [default: the newest release].")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write [default: config/ of the checkout].",
)
@check_option
@overwrite_option
def manifests(img: str | None, output: Path | None, check: bool, overwrite: bool) -> None:
    """Write CRDs, RBAC, Deployments and samples as a kustomize tree."""
    checkout = Checkout()
    image = img or checkout.image(checkout.history.newest.version)
    faults = Faults("manifests")
    check_image(faults, "--img", image)
    faults.raise_if_any()
    place = output.resolve() if output else checkout.root / "config"
    checkout.finish(
        [Output(place, config_tree(checkout.project, image))],
        check=check,
        overwrite=overwrite,
        again="make manifests",
    )
