"""`kopfkit release newest|make|verify|sign|key|push`."""

import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kopfkit.cli._writing import dry_run_option, show_diff
from kopfkit.errors import KopfkitError

if TYPE_CHECKING:
    from kopfkit.cli._generation import Checkout
    from kopfkit.host.progress import Progress

# The passphrase of a key: never an argument, which other processes could read.
PASSPHRASE = "KOPFKIT_KEY_PASSPHRASE"
_DIRECTORY = click.Path(file_okay=False, exists=True, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def release() -> None:
    """Build, check, sign and push a release."""


def _passphrase() -> bytes | None:
    """The passphrase, which no program that is run afterwards (a check, a build) gets to see."""
    found = os.environ.pop(PASSPHRASE, "")
    return found.encode() if found else None


@release.command()
def newest() -> None:
    """Print the newest version in the release history."""
    from kopfkit.cli._generation import Checkout

    click.echo(Checkout().history.newest.version)


@release.command()
@click.option("--version", required=True, help="The version to release, as x.y.z.")
@click.option(
    "--date",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Date of a new history entry [default: that of the newest commit].",
)
@click.option(
    "--channels",
    default="",
    help="Channels of a new history entry [default: the previous release's].",
)
@click.option(
    "--skip-range", default="", help="skipRange of a new history entry, such as '>=1.0.0 <1.2.0'."
)
@click.option("--image-base", default="", help="Registry and repository [default: the project's].")
@click.option(
    "--platform", "platforms", multiple=True, help="linux/amd64 or linux/arm64; may be repeated."
)
@click.option("--base-image", default="", help="Base of the operator image.")
@click.option("--key", type=_FILE, help="PEM file of the private key; without it, sign later.")
@click.option(
    "--check",
    "checks",
    multiple=True,
    metavar="COMMAND",
    help="Command that must succeed in the checkout before the release; may be repeated.",
)
@click.option(
    "--offline", is_flag=True, help="Do not check the registry for earlier releases (push does)."
)
@click.option("--push", is_flag=True, help="Push the images once everything is built.")
@dry_run_option
def make(
    version: str,
    date: datetime.datetime | None,
    channels: str,
    skip_range: str,
    image_base: str,
    platforms: tuple[str, ...],
    base_image: str,
    key: Path | None,
    checks: tuple[str, ...],
    offline: bool,
    push: bool,
    dry_run: bool,
) -> None:
    """Build a release in dist/<name>-<version>/, and update the checkout to it.

    Version, changelog, history, bundle, catalog and config change in the checkout (commit them);
    images, SBOM, provenance, the directory for community-operators and the drawing of
    the upgrade graph are in dist/. Nothing is pushed without --push. A release that exists is made
    again and must come out the same. With --dry-run nothing is built: the images have tags instead
    of digests, and no --check is run.
    """
    from kopfkit.cli._generation import Checkout
    from kopfkit.host.progress import Progress
    from kopfkit.image import ociimages
    from kopfkit.releasing import process, publishing, rules

    checkout, progress = Checkout(), Progress()
    wanted = rules.Wanted(
        version,
        date.date() if date else None,
        tuple(one.strip() for one in channels.split(",") if one.strip()),
        skip_range,
    )
    options = process.Options(
        wanted,
        image_base or checkout.project.image_base,
        tuple(ociimages.platforms(platforms or (f"linux/{ociimages.native()}",))),
        base_image,
        key,
        _passphrase(),
        checks,
    )
    rules.release(checkout.history, wanted, datetime.date.min)
    if offline and push:
        raise KopfkitError("--offline", "and --push exclude each other", "Use only one of them.")
    if dry_run:
        show_diff(process.preview(checkout.root, options, progress))
        return
    silent = [] if offline else _earlier(checkout, version, progress, strict=push)
    made = process.make(checkout.root, options, progress)
    shown = made.directory.relative_to(checkout.root)
    count = publishing.verify(made.directory, None)
    again = "made again, the same images" if made.again else "made"
    click.echo(f"{checkout.project.name} {version}: {again}, {shown}/ ({count} files and images)")
    for kind, reference in made.images.items():
        click.echo(f"  {kind:9} {reference}")
    click.echo(f"  changed in the checkout: {len(made.changed)} files")
    if silent:
        click.echo(f"  not checked, since no registry answered: {', '.join(silent)}")
    if push:
        for reference in publishing.push(made.directory, progress):
            click.echo(f"  pushed {reference}")
        return
    click.echo("Nothing was pushed. Next:")
    if made.changed:
        click.echo(f"  git add -A && git commit -m 'Release {version}' && git tag v{version}")
    if key is None:
        click.echo(f"  kopfkit release sign {shown} --key KEY")
    click.echo(f"  kopfkit release push {shown}")


def _earlier(
    checkout: "Checkout", version: str, progress: "Progress", *, strict: bool
) -> list[str]:
    """The bundles of other releases that no registry answered for; KopfkitError if one is missing,
    or with `strict` if there is any that was not answered for."""
    from kopfkit.releasing import publishing

    history = checkout.history
    images = {one.version: checkout.image(one.version, "-bundle") for one in history.releases}
    with progress.step("Checking the registry for earlier bundles"):
        silent = publishing.check_earlier(history, version, images)
    if silent and strict:
        raise KopfkitError(
            ", ".join(silent),
            "cannot be checked, and the catalog references it",
            "Try again when the registry answers.",
        )
    return silent


@release.command()
@click.argument("directory", type=_DIRECTORY)
@click.option("--key", type=_FILE, help="PEM file of the public key that must have signed it.")
def verify(directory: Path, key: Path | None) -> None:
    """Check every file and image of a release against its statement, and the signature."""
    from kopfkit.releasing import publishing

    count = publishing.verify(directory, key)
    signed = "signed by this key" if key else "signature not checked (--key)"
    click.echo(f"{directory}: {count} files and images are what the statement says; {signed}")


@release.command()
@click.argument("directory", type=_DIRECTORY)
@click.option("--key", required=True, type=_FILE, help="PEM file of the private key.")
def sign(directory: Path, key: Path) -> None:
    """Sign a release, on any machine that has the key; $KOPFKIT_KEY_PASSPHRASE decrypts it."""
    from kopfkit.releasing import process, publishing, signing

    loaded = signing.private_key(key, _passphrase())
    publishing.verify(directory, None)
    process.sign(directory, loaded)
    click.echo(f"{directory / process.ENVELOPE}: signed with {signing.key_id(loaded.public_key())}")


@release.command(name="key")
@click.argument("file", type=_FILE)
def new_key(file: Path) -> None:
    """Create a key pair: FILE (readable only by you) and FILE.pub to publish.

    $KOPFKIT_KEY_PASSPHRASE encrypts it.
    """
    from kopfkit.host import files
    from kopfkit.releasing import signing

    public = file.with_name(f"{file.name}.pub")
    for path in (file, public):
        if path.exists():
            raise KopfkitError(
                str(path), "exists", "Specify another file: a key is never overwritten."
            )
    private, shown = signing.new_key(_passphrase())
    files.write(file, private)
    files.write(public, shown, mode=0o644)
    click.echo(f"{file}: the private key, {public}: the public one")


@release.command()
@click.argument("directory", type=_DIRECTORY)
def push(directory: Path) -> None:
    """Push the images of a release; the catalog last, so that what it references exists."""
    from kopfkit.cli._generation import Checkout
    from kopfkit.host.progress import Progress
    from kopfkit.releasing import publishing

    progress = Progress()
    _earlier(Checkout(), publishing.version(directory), progress, strict=True)
    for reference in publishing.push(directory, progress):
        click.echo(reference)
