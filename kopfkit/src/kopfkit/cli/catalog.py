"""`kopfkit catalog generate|validate`."""

import click

from kopfkit.cli._generation import Checkout, check_option, overwrite_option


@click.group()
def catalog() -> None:
    """Generate and validate the file-based catalog."""


@catalog.command()
@click.option(
    "--img", help="The operator's image of the newest release [default: IMAGE_TAG_BASE:v<version>]."
)
@click.option(
    "--bundle-img",
    help="The bundle image of the newest release [default: IMAGE_TAG_BASE-bundle:v<version>].",
)
@click.option("--opm-img", help="Default of OPM_IMAGE in catalog.Dockerfile.")
@check_option
@overwrite_option
def generate(
    img: str | None, bundle_img: str | None, opm_img: str | None, check: bool, overwrite: bool
) -> None:
    """Write the catalog of all releases and catalog.Dockerfile."""
    from kopfkit.packaging.catalog import (
        OPM_IMAGE,
        catalog_dockerfile,
        catalog_tree,
        check_inputs,
    )
    from kopfkit.packaging.writer import Output

    checkout = Checkout()
    history = checkout.history
    images = {
        release.version: (
            checkout.image(release.version),
            checkout.image(release.version, "-bundle"),
        )
        for release in history.releases
    }
    operator, bundle = images[history.newest.version]
    images[history.newest.version] = (img or operator, bundle_img or bundle)
    base = opm_img or OPM_IMAGE
    for operator, bundle in images.values():
        check_inputs(bundle, operator, base)
    tree = catalog_tree(checkout.project, history, images)
    checkout.finish(
        [
            Output(checkout.root / "catalog" / checkout.project.name, tree),
            Output(
                checkout.root / "catalog.Dockerfile",
                {"": catalog_dockerfile(checkout.project, base)},
            ),
        ],
        check=check,
        overwrite=overwrite,
        again="make catalog",
    )


@catalog.command()
def validate() -> None:
    """Check the catalog with opm and kopfkit's own checks; reports every fault."""
    from kopfkit.cli._validation import report, tool_fault
    from kopfkit.packaging.validation import catalog_faults

    checkout = Checkout()
    faults = catalog_faults(checkout.project, checkout.history, checkout.root)
    directory = checkout.root / "catalog"
    if directory.is_dir() and (fault := tool_fault("opm", ["validate", str(directory)])):
        faults.add("opm", fault)
    report(faults, "catalog: valid")
