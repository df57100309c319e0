"""`kopfkit image`: lay out, build and push the three images of an operator."""

import os
from pathlib import Path

import click

from kopfkit.cli._output import output_option
from kopfkit.cli._writing import dry_run_option, show_diff
from kopfkit.docker import engines
from kopfkit.host.progress import Progress
from kopfkit.image import baseimage, imageroot, images, operatorfile
from kopfkit.packaging.writer import Output, preview

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
@dry_run_option
def lock(python: str, dry_run: bool) -> None:
    """Resolve the project's dependencies and lock them with hashes in requirements/operator.txt."""
    _lock(python, dry_run=dry_run)


def _lock(python: str, *, dry_run: bool = False) -> None:
    from kopfkit.image import imagelock

    with Progress().step(f"Locking {imageroot.LOCK}"):
        text = imagelock.text(Path(), python)
        if not dry_run:
            imagelock.write(Path(), text)
    if dry_run:
        lock = Output(Path(imageroot.LOCK), {"": text})
        show_diff(preview([lock], Path(), overwrite=True))


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
        engine = engines.ensure(progress)
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
    from kopfkit.image import layouts, ociimages

    wanted = ociimages.platforms(platforms or (f"linux/{ociimages.native()}",))
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    built = layouts.build(
        kind, Path(), output, wanted, epoch=epoch, version=version, base_image=base_image,
        progress=Progress(),
    )  # fmt: skip
    click.echo(built.digest)


@image.command()
@click.argument("source", metavar="DIRECTORY|IMAGE")
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "never")),
    default="error",
    show_default=True,
    help="Exit with 1 for findings of this severity or worse.",
)
@output_option("sarif")
def validate(source: str, fail_on: str, output: str) -> None:
    """Check an image by the rules of OpenShift's certification that need no cluster.

    DIRECTORY is an OCI image layout, which `kopfkit image layout` writes; IMAGE is in a registry.
    """
    from kopfkit.cli._bundlereport import Fault, Outcome, show
    from kopfkit.image import certification
    from kopfkit.packaging.checks import RULES

    if Path(source).exists():
        judged = certification.judge(Path(source))
    else:
        with certification.pulled(source) as place:
            judged = certification.judge(place, source)
    faults = [
        Fault(source, place, why, "kopfkit", RULES[rule].severity, rule)
        for place, why, rule in judged.findings
    ]
    outcome = Outcome(faults, asked=["the rules of preflight check container"], notes=judged.notes)
    show(outcome, output, "image")
    raise SystemExit(outcome.fails(fail_on))


@image.command()
@click.argument("tag")
def push(tag: str) -> None:
    """Push an image to the registry that its name says.

    TAG is its name; or operator, bundle or catalog for that of the newest release.
    """
    images.push(_default(tag) if tag in FILES else tag, progress=Progress())
