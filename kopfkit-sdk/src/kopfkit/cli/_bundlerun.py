"""`kopfkit run bundle`, `run bundle-upgrade` and `cleanup`: what operator-sdk's do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kopfkit.cli._target import target_options
from kopfkit.cli.subscription import _confirm, _count, tell_left, way_back
from kopfkit.cluster import manager
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.olm import bundlerun, rendering, subscription, unsubscription
from kopfkit.packaging import injection

# What a ClusterServiceVersion says about where it would like to be.
_SUGGESTED = "operatorframework.io/suggested-namespace"


def pulling(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options about images and time."""
    for option in (
        click.option(
            "--timeout", default=subscription.TIMEOUT, show_default=True, help="Timeout in seconds."
        ),
        click.option(
            "--pull-secret-name", multiple=True, help="Name of a pull secret in the namespace."
        ),
        click.option(
            "--opm-image", help="Image with opm that serves the catalog [default: OLM's]."
        ),
        click.option("--use-http", is_flag=True, help="Use plain HTTP for the registry."),
        click.option(
            "--skip-tls-verify", is_flag=True, help="Do not verify the registry's TLS certificate."
        ),
    ):
        function = option(function)
    return function


@click.command("bundle")
@click.argument("image")
@target_options
@click.option(
    "--namespace", "-n", help="Namespace of the operator [default: the one the bundle suggests]."
)
@click.option(
    "--install-mode",
    default="",
    help="AllNamespaces, OwnNamespace, SingleNamespace=NAME or MultiNamespace=NAME,NAME [default: "
    "the first of these that the bundle supports and that names none].",
)
@pulling
def run_bundle(
    image: str,
    name: str,
    kubeconfig: Path | None,
    namespace: str | None,
    install_mode: str,
    timeout: float,
    pull_secret_name: tuple[str, ...],
    opm_image: str | None,
    use_http: bool,
    skip_tls_verify: bool,
) -> None:
    """Install the operator of a bundle image by OLM, without a catalog image.

    IMAGE is read from its registry, which may be one on this machine. A catalog that has this
    bundle only is served in the cluster; what the bundle depends on comes from the cluster's other
    catalogs. `kopfkit cleanup` removes it again.
    """
    progress = Progress()
    target = kubeconfig or manager.kubeconfig(name)
    bundle = rendering.bundle(image, progress, plain=use_http, insecure=skip_tls_verify)
    package, csv = bundle["package"], bundle["name"]
    annotations = injection.metadata(bundle).get("annotations") or {}
    place = namespace or annotations.get(_SUGGESTED) or "default"
    watched = injection.targets(bundle, place, install_mode)
    bundlerun.refuse_second(target, package, csv)
    with way_back(package, place, name, kubeconfig, ["cleanup", package, "--namespace", place]):
        done = bundlerun.install(
            target,
            package=package,
            channel=injection.CHANNEL,
            catalog=injection.first(bundle),
            namespace=place,
            targets=watched,
            progress=progress,
            timeout=timeout,
            starting_csv=csv,
            secrets=pull_secret_name,
            opm_image=opm_image,
        )
    click.echo(f"{done.csv} {done.phase} in {place}")


@click.command("bundle-upgrade")
@click.argument("image")
@target_options
@click.option(
    "--namespace", "-n", help="Namespace of the Subscription [default: where it is found]."
)
@pulling
def run_bundle_upgrade(
    image: str,
    name: str,
    kubeconfig: Path | None,
    namespace: str | None,
    timeout: float,
    pull_secret_name: tuple[str, ...],
    opm_image: str | None,
    use_http: bool,
    skip_tls_verify: bool,
) -> None:
    """Upgrade an operator that OLM has installed to the one of a bundle image.

    However it was installed: the catalog that it comes from is served anew, with the bundle as the
    head of the channel, replacing what is installed.
    """
    progress = Progress()
    target = kubeconfig or manager.kubeconfig(name)
    bundle = rendering.bundle(image, progress, plain=use_http, insecure=skip_tls_verify)
    package = bundle["package"]
    before = bundlerun.installed(target, package, namespace)
    catalog = injection.above(
        bundlerun.content(target, before.source, progress), before.channel, before.csv, bundle
    )
    words = ["cleanup", package, "--namespace", before.namespace]
    with way_back(package, before.namespace, name, kubeconfig, words):
        done = bundlerun.install(
            target,
            package=package,
            channel=before.channel,
            catalog=catalog,
            namespace=before.namespace,
            targets=before.targets,
            progress=progress,
            timeout=timeout,
            secrets=pull_secret_name,
            opm_image=opm_image,
        )
    if done.csv != bundle["name"]:
        raise KopfkitError(f"package {package}", f"is at {done.csv}, not at {bundle['name']}")
    click.echo(f"{before.csv} -> {done.csv} {done.phase} in {before.namespace}")


@click.command()
@click.argument("package")
@target_options
@click.option(
    "--namespace", "-n", help="Namespace of the Subscription [default: where it is found]."
)
@click.option("--delete-crds/--keep-crds", default=True, show_default=True,
              help="Also delete the CRDs, and with them every object.")  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="Delete objects without asking.")
def cleanup(
    package: str,
    name: str,
    kubeconfig: Path | None,
    namespace: str | None,
    delete_crds: bool,
    yes: bool,
) -> None:
    """Remove an operator that OLM has installed, and what was made to install it.

    As operator-sdk's, this deletes the CRDs and every object of them, and says before which; a
    script that means it says --yes.
    """
    progress = Progress()
    target = kubeconfig or manager.kubeconfig(name)
    place = bundlerun.namespace_of(target, package, namespace)
    if place is None:
        click.echo(f"package {package} is not installed: nothing to remove")
        return
    definitions = unsubscription.unsubscribe(
        target,
        package=package,
        namespace=place,
        catalog_namespace=place,
        progress=progress,
        crds=delete_crds,
        confirm=lambda found: yes or not any(one.objects != 0 for one in found) or _confirm(found),
    )
    for one in definitions:
        what = f"CRD {one.name} and {_count(one)}"
        click.echo(f"{what} were deleted" if delete_crds else f"{what} stay")
    click.echo(f"package {package} was removed from {place}")
    tell_left(unsubscription.left(target, package=package, namespace=place))
