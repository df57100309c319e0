"""`kopfkit catalog mirror`: what a disconnected cluster needs of a catalog or a bundle."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kopfkit.cli._generation import Checkout
from kopfkit.cli._writing import dry_run_option, put
from kopfkit.errors import KopfkitError

if TYPE_CHECKING:
    from kopfkit.packaging.catalogs.packages import Package
    from kopfkit.packaging.mirroring import Wanted

_REGISTRY = re.compile(r"[A-Za-z0-9.-]+(:\d+)?(/[a-z0-9][a-z0-9._-]*)*")


@click.command()
@click.argument("source", metavar="[CATALOG|BUNDLE]", required=False)
@click.option("--to", "registry", required=True, help="The mirror: HOST[:PORT][/PATH].")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("mirror"),
    show_default=True,
    help="Directory to write.",
)
@click.option("--package", default="", help="Only this package.")
@click.option("--channel", "channels", multiple=True, help="Only this one; may be repeated.")
@click.option("--heads", is_flag=True, help="Only the newest bundle of each channel.")
@click.option(
    "--catalog-image",
    default="",
    help="Image of a CATALOG that is a directory [default: none; without CATALOG the newest "
    "release's].",
)
@dry_run_option
def mirror(
    source: str | None,
    registry: str,
    output: Path,
    package: str,
    channels: tuple[str, ...],
    heads: bool,
    catalog_image: str,
    dry_run: bool,
) -> None:
    """Write what a disconnected cluster needs to install from a mirror registry.

    CATALOG is a file-based catalog (a directory, a file or an image) or a package of a
    community-operators checkout, BUNDLE a bundle's directory or image; by default it is the catalog
    of this checkout. Nothing is copied: images.txt and mapping.txt are for crane, skopeo and `oc
    image mirror`, imageset-config.yaml is for `oc mirror`. The other files are for the cluster.
    """
    from kopfkit.packaging.inputs import check_image
    from kopfkit.packaging.mirroring import parted, tree
    from kopfkit.packaging.writer import Output
    from kopfkit.project import Faults

    if not _REGISTRY.fullmatch(registry):
        raise KopfkitError(
            f"--to {registry}", "is not HOST[:PORT][/PATH]", "Leave out https:// and tags."
        )
    if source is None:
        checkout = Checkout()
        source = str(checkout.root / "catalog" / checkout.project.name)
        newest = checkout.history.newest.version
        catalog_image = catalog_image or checkout.image(newest, "-catalog")
    wanted = _wanted(source, package, channels, heads, catalog_image)
    if wanted.catalog:
        faults = Faults("catalog mirror")
        check_image(faults, "the catalog's image", wanted.catalog)
        faults.raise_if_any()
    images, bad = parted(wanted.images)
    for one in bad:
        click.echo(f"warning: {one!r} names no image by tag or digest; it is left out", err=True)
    if not images:
        raise KopfkitError(source, "names no images", "Name a catalog or bundle that is published.")
    files = tree(replace(wanted, images=images), registry)
    where = output.absolute()
    if put([Output(where, files)], Path.cwd(), dry_run=dry_run) is None:
        return
    click.echo(f"{output}: {len(images)} images of {wanted.name}")
    click.echo(
        f"Next: grep -v '^#' {output / 'mapping.txt'} | tr = ' ' | xargs -n2 crane copy, then "
        f"kubectl apply what is for the cluster."
    )


def _wanted(
    source: str, package: str, channels: tuple[str, ...], heads: bool, catalog_image: str
) -> "Wanted":
    from kopfkit.cli._catalogs import loaded, of_rendered
    from kopfkit.cli._simulation import is_image
    from kopfkit.packaging.catalogs.sources import one_of
    from kopfkit.packaging.checks import ERROR
    from kopfkit.packaging.mirroring import Wanted, of_bundle, of_directory

    def bundle(images: Iterable[str]) -> Wanted:
        if package or channels or heads or catalog_image:
            raise KopfkitError(
                source,
                "is a bundle",
                "--package, --channel, --heads and --catalog-image are for catalogs.",
            )
        return Wanted(_named(source), [*images], {})

    if (Path(source) / "manifests").is_dir():
        return bundle(of_directory(Path(source)))
    if is_image(source):
        from kopfkit.cli._opm import rendered

        documents = rendered(source)
        if not any(one.get("schema") == "olm.package" for one in documents):
            return bundle(one for each in documents for one in of_bundle(each))
        catalog_image = catalog_image or source
        packages, findings = of_rendered(source, documents)
    else:
        packages, findings = loaded(source)
    wrong = [one for one in findings if one.severity == ERROR]
    if wrong:
        raise KopfkitError(
            wrong[0].place,
            f"{wrong[0].why} ({len(wrong)} such errors)",
            f"Some images would be missing; run kopfkit catalog validate {source}",
        )
    if package:
        packages = {package: one_of(packages, package, source)}
    listed = {name: _channels(each, channels) for name, each in packages.items()}
    known = {one for each in listed.values() for one in each}
    if unknown := [one for one in channels if one not in known]:
        raise KopfkitError(source, f"has no channel {', '.join(unknown)}")
    images = [
        image
        for name, each in packages.items()
        for one in _bundles(each, listed[name], heads)
        for image in _images(each, one)
    ]
    kept = {name: found for name, found in listed.items() if found}
    name = _named(next(iter(kept)) if len(kept) == 1 else source)
    return Wanted(name, images, kept, catalog_image, heads)


def _named(source: str) -> str:
    """A name for objects, of a path or an image."""
    last = source.rstrip("/").rpartition("/")[2].partition("@")[0].partition(":")[0]
    return re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-") or "mirror"


def _channels(package: "Package", wanted: tuple[str, ...]) -> list[str]:
    return [name for name in package.channels if not wanted or name in wanted]


def _bundles(package: "Package", channels: list[str], heads: bool) -> Iterator[str]:
    """The names of the bundles in the channels."""
    from kopfkit.packaging.ways import heads as heads_of

    for channel in channels:
        if heads:
            yield from (one.name(package.name) for one in heads_of(package.history, channel))
        else:
            entries = package.channels[channel].document.get("entries", [])
            yield from (one["name"] for one in entries if one["name"] in package.bundles)


def _images(package: "Package", name: str) -> Iterator[str]:
    """The images of a bundle, which a community-operators checkout has in its CSV only."""
    from kopfkit.packaging.catalogs.community import UNPUBLISHED
    from kopfkit.packaging.mirroring import of_bundle, of_directory

    blob = package.bundles[name]
    if blob.document.get("image") == UNPUBLISHED:
        yield from of_directory(Path(blob.file).parent.parent)
    else:
        yield from of_bundle(blob.document)
