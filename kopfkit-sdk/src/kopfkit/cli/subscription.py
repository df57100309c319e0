"""`kopfkit subscribe` and `kopfkit unsubscribe`: install an operator by OLM, and remove it."""

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from kopfkit import project
from kopfkit.cluster import manager
from kopfkit.environment import ALL_NAMESPACES
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.image import digests
from kopfkit.olm import rendering, subscription, unsubscription
from kopfkit.olm.unsubscription import Definition
from kopfkit.packaging import injection


def _target(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which operator in which cluster."""
    for option in (
        click.option(
            "--name", default="kopfkit", show_default=True, help="Name of the kopfkit cluster."
        ),
        click.option("--kubeconfig", type=click.Path(path_type=Path), help="Instead of --name."),
        click.option("--package", help="Package name [default: this checkout's operator]."),
        click.option("--namespace", help="Namespace of the operator [default: its own]."),
        click.option(
            "--catalog-namespace", help="Namespace of the CatalogSource [default: the operator's]."
        ),
    ):
        function = option(function)
    return function


@click.command()
@_target
@click.option("--catalog-image", required=True, help="The catalog image.")
@click.option("--channel", default="stable", show_default=True)
@click.option("--starting-csv", help="ClusterServiceVersion to start from.")
@click.option(
    "--install-mode",
    help="AllNamespaces, OwnNamespace, SingleNamespace=NAME or MultiNamespace=NAME,NAME [default: "
    "AllNamespaces, or OwnNamespace where this checkout's operator does not support that].",
)
@click.option(
    "--timeout", default=subscription.TIMEOUT, show_default=True, help="Timeout in seconds."
)
def subscribe(
    name: str,
    kubeconfig: Path | None,
    package: str | None,
    namespace: str | None,
    catalog_namespace: str | None,
    catalog_image: str,
    channel: str,
    starting_csv: str | None,
    install_mode: str | None,
    timeout: float,
) -> None:
    """Install the operator from a catalog image by Subscription and wait for it."""
    progress = Progress()
    own = not (package and namespace)
    package, namespace = _operator(package, namespace)
    image, target = _pinned(catalog_image, progress), _kubeconfig(name, kubeconfig)
    if install_mode:
        catalog = rendering.render(image, progress)
        bundle = injection.entry(catalog, package, channel, starting_csv or "")
        targets = injection.targets(bundle, namespace, install_mode)
    else:
        modes = project.load().install_modes if own else (ALL_NAMESPACES,)
        targets = [] if ALL_NAMESPACES in modes else [namespace]
    words = ["unsubscribe", "--package", package, "--namespace", namespace]
    if catalog_namespace:
        words += ["--catalog-namespace", catalog_namespace]
    with way_back(package, namespace, name, kubeconfig, words):
        installed = subscription.subscribe(
            target,
            package=package,
            channel=channel,
            catalog_image=image,
            namespace=namespace,
            catalog_namespace=catalog_namespace or namespace,
            progress=progress,
            timeout=timeout,
            starting_csv=starting_csv,
            targets=targets,
        )
    click.echo(f"{installed.csv} {installed.phase}")


@click.command()
@_target
@click.option("--crds", is_flag=True, help="Also delete the CRDs, and with them every object.")
@click.option("--yes", is_flag=True, help="Delete objects without asking.")
def unsubscribe(
    name: str,
    kubeconfig: Path | None,
    package: str | None,
    namespace: str | None,
    catalog_namespace: str | None,
    crds: bool,
    yes: bool,
) -> None:
    """Remove the operator that OLM has installed; CRDs and objects stay without --crds."""
    package, namespace = _operator(package, namespace)
    target = _kubeconfig(name, kubeconfig)
    definitions = unsubscription.unsubscribe(
        target,
        package=package,
        namespace=namespace,
        catalog_namespace=catalog_namespace or namespace,
        progress=Progress(),
        crds=crds,
        confirm=(lambda definitions: True) if yes else _confirm,
    )
    for definition in definitions:
        objects = f"CRD {definition.name} and {_count(definition)}"
        if crds:
            click.echo(f"{objects} were deleted.")
            continue
        click.echo(f"{objects} stay; --crds deletes them.")
        if len(definition.versions) > 1:
            stored, *others = definition.versions
            click.echo(
                f"  Until an operator converts again, use {stored} only: objects are stored in "
                f"more than one version, and through {', '.join(others)} no request succeeds."
            )

    tell_left(unsubscription.left(target, package=package, namespace=namespace))


def tell_left(names: Sequence[str]) -> None:
    """Say what stays after a removal, and how to remove that, too."""
    if names:
        click.echo(f"These stay: {', '.join(names)} (kubectl delete {' '.join(names)}).")


@contextlib.contextmanager
def way_back(
    package: str, namespace: str, name: str, kubeconfig: Path | None, words: Sequence[str]
) -> Iterator[None]:
    """Where Ctrl-C ends an installation, say what stays on the cluster and how to remove it.

    Args:
        name, kubeconfig: which cluster, as the command was told.
        words: the command of kopfkit that removes it.
    """
    try:
        yield
    except KeyboardInterrupt:
        where = ["--kubeconfig", str(kubeconfig)] if kubeconfig else ["--name", name]
        click.echo(
            f"\nInterrupted: the Subscription of {package} in {namespace}, its CatalogSource, and "
            "what OLM makes of them stay on the cluster, where the installation goes on.\n"
            f"  To remove them: {shlex.join(['kopfkit', *words, *where])}",
            err=True,
        )
        raise


def _confirm(definitions: Sequence[Definition]) -> bool:
    for definition in definitions:
        click.echo(f"To be deleted: CRD {definition.name} and {_count(definition)}.", err=True)
    return click.confirm("Delete them?", err=True)


def _count(definition: Definition) -> str:
    if definition.objects is None:
        return "all its objects"
    return "1 object" if definition.objects == 1 else f"{definition.objects} objects"


def _operator(package: str | None, namespace: str | None) -> tuple[str, str]:
    if package and namespace:
        return package, namespace
    described = project.load()
    return package or described.name, namespace or described.namespace


def _kubeconfig(name: str, given: Path | None) -> Path:
    return given or manager.kubeconfig(name)


def _pinned(image: str, progress: Progress) -> str:
    """The image by digest; by tag where the registry does not tell this machine."""
    try:
        return digests.pin(image)
    except digests.NotThere:
        raise
    except KopfkitError as error:
        progress.say(f"{image} is taken by its tag ({error.what}: {error.why}).")
        return image
