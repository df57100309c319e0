"""`kopfkit manifests`: CRDs, RBAC and the rest of the kustomize tree."""

from pathlib import Path

import click

from kopfkit.cli._generation import Checkout, finish_options, img_option, version_option
from kopfkit.environment import ALL_NAMESPACES, OWN_NAMESPACE
from kopfkit.packaging.kustomize import config_tree
from kopfkit.packaging.writer import Output


@click.command()
@img_option(" in config/default")
@version_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write [default: config/ of the checkout].",
)
@click.option(
    "--install-mode",
    type=click.Choice((ALL_NAMESPACES, OWN_NAMESPACE)),
    help="Namespaces that config/default watches, with Roles for its own "
    "[default: all, if the operator supports that].",
)
@finish_options
def manifests(
    img: str | None,
    version: str | None,
    output: Path | None,
    install_mode: str | None,
    **finish: bool,
) -> None:
    """Write CRDs, RBAC, Deployments and samples as a kustomize tree."""
    checkout = Checkout()
    number, image = checkout.checked("manifests", version, img)
    release = checkout.history.release(number)
    place = output.resolve() if output else checkout.root / "config"
    checkout.finish(
        [Output(place, config_tree(checkout.project, release, image, install_mode or ""))],
        again="make manifests",
        **finish,
    )
