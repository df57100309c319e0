"""`kopfkit image`: lay out, build and push the three images of an operator."""

import os
from pathlib import Path

import click

from kopfkit.cluster import baseimage, docker, imageroot, images, operatorfile
from kopfkit.cluster.progress import Progress

ROOT = Path("build/image")
# Kind of image -> its Dockerfile.
FILES = {
    "operator": Path("Dockerfile"),
    "bundle": Path("bundle.Dockerfile"),
    "catalog": Path("catalog.Dockerfile"),
}


@click.group()
def image() -> None:
    """Build and push the operator's images."""


@image.command()
@click.option("--python", default="3.11", show_default=True, help="Python version of the image.")
def lock(python: str) -> None:
    """Resolve the project's dependencies and lock them with hashes in requirements/operator.txt."""
    _lock(python)


def _lock(python: str) -> None:
    from kopfkit.cluster import imagelock

    with Progress().step(f"Locking {imageroot.LOCK}"):
        imagelock.write(Path(), python)


def _default(kind: str) -> str:
    """The name of an image of the newest release: what was published, or below image_base."""
    from kopfkit.cli._generation import Checkout

    checkout = Checkout()
    suffix = "" if kind == "operator" else f"-{kind}"
    return checkout.image(checkout.history.newest.version, suffix)


@image.command()
@click.option("--python", default="3.11", show_default=True, help="Python version of the image.")
@click.option("--arch", default="amd64", show_default=True, help="amd64 or arm64.")
def root(python: str, arch: str) -> None:
    """Write the files that the operator image adds to its base into build/image.

    Without requirements/operator.txt, the project's dependencies are locked first.
    """
    if not Path(imageroot.LOCK).exists():
        _lock(python)
    with Progress().step(
        f"Building the image's root filesystem {ROOT} for Python {python} on {arch}"
    ):
        imageroot.build(
            ROOT,
            Path(),
            python=python,
            architecture=arch,
            unused=imageroot.BUILD_TIME,
            epoch=int(os.environ.get("SOURCE_DATE_EPOCH", "0")),
        )


@image.command()
@click.argument("kind", type=click.Choice(list(FILES)))
@click.option(
    "--tag",
    help="Name of the image, with its tag [default: of the newest release, below image_base].",
)
@click.option("--version", default="", help="Version label of the operator image.")
@click.option("--base-image", default="", help="Base of the operator image.")
def build(kind: str, tag: str | None, version: str, base_image: str) -> None:
    """Build the operator, bundle or catalog image.

    The operator's Dockerfile is the checkout's own, or follows from the project's description.
    """
    tag = tag or _default(kind)
    file = operatorfile.path(Path()) if kind == "operator" else FILES[kind]
    progress = Progress()
    arguments = {"VERSION": version} if version else {}
    if images.container_tool() == "docker":
        engine = docker.Engine.ensure(progress)
        if kind == "operator":
            arguments["BASE_IMAGE"] = base_image or baseimage.ensure(engine, progress)
        elif kind == "catalog":
            arguments["OPM_IMAGE"] = baseimage.ensure_opm(engine, progress)
    elif base_image:
        arguments["BASE_IMAGE"] = base_image
    images.build(tag, file, Path(), progress=progress, arguments=arguments)


@image.command()
@click.argument("kind", type=click.Choice(list(FILES)))
@click.option(
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the image, which is not there yet.",
)
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    help="linux/amd64 or linux/arm64; may be repeated [default: this machine's].",
)
@click.option("--version", default="", help="Version label of the operator image.")
@click.option("--base-image", default="", help="Base of the operator image.")
def layout(
    kind: str, output: Path, platforms: tuple[str, ...], version: str, base_image: str
) -> None:
    """Write an image as an OCI layout, without an engine; prints its digest.

    The same checkout gives the same digest, today and next year (SOURCE_DATE_EPOCH sets the time
    that is written into it). `crane push`, `skopeo copy` and `kopfkit release push` take it.
    """
    from kopfkit.cluster import layouts, ociimages

    wanted = ociimages.platforms(platforms or (f"linux/{ociimages.native()}",))
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    built = layouts.build(
        kind, Path(), output, wanted, epoch=epoch, version=version, base_image=base_image,
        progress=Progress(),
    )  # fmt: skip
    click.echo(built.digest)


@image.command()
@click.argument("tag")
def push(tag: str) -> None:
    """Push an image to the registry that its name says.

    TAG is its name; or operator, bundle or catalog for that of the newest release.
    """
    images.push(_default(tag) if tag in FILES else tag, progress=Progress())
