"""`kopfkit image`: lay out, build and push the three images of an operator."""

import os
from pathlib import Path

import click

from kopfkit.cluster import baseimage, docker, imageroot, images
from kopfkit.cluster.progress import Progress

# What only describes or builds, and so has no place in the image that runs.
_BUILD_TIME = (
    *(f"kopfkit/{name}" for name in ("cli", "cluster", "packaging", "project", "testing")),
    "*/project.py",
)
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
@click.option("--arch", default="amd64", show_default=True, help="amd64 or arm64.")
def root(python: str, arch: str) -> None:
    """Write the files that the operator image adds to its base into build/image."""
    with Progress().step(f"Laying out {ROOT} for Python {python} on {arch}"):
        imageroot.build(
            ROOT,
            requirements=Path("requirements/operator.txt"),
            sources=[Path(), Path("kopfkit")],
            python=python,
            architecture=arch,
            unused=_BUILD_TIME,
            epoch=int(os.environ.get("SOURCE_DATE_EPOCH", "0")),
        )


@image.command()
@click.argument("kind", type=click.Choice(list(FILES)))
@click.option("--tag", required=True, help="Name of the image, with its tag.")
@click.option("--version", default="", help="Version label of the operator image.")
@click.option("--base-image", default="", help="Base of the operator image.")
def build(kind: str, tag: str, version: str, base_image: str) -> None:
    """Build the operator, bundle or catalog image."""
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
    images.build(tag, FILES[kind], Path(), progress=progress, arguments=arguments)


@image.command()
@click.argument("tag")
def push(tag: str) -> None:
    """Push an image to the registry that its name says."""
    images.push(tag, progress=Progress())
