"""`kopfkit bundle generate|validate`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from kopfkit.cli._generation import Checkout, finish_options, img_option, version_option
from kopfkit.cli._output import output_option


@click.group()
def bundle() -> None:
    """Generate and validate the OLM bundle."""


@bundle.command()
@version_option
@img_option()
@click.option("--channels", help="Comma-separated [default: the release's channels].")
@click.option("--default-channel", help="[default: that of catalog/releases.yaml]")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write bundle/ and bundle.Dockerfile into this directory [default: the checkout].",
)
@finish_options
def generate(
    version: str | None,
    img: str | None,
    channels: str | None,
    default_channel: str | None,
    output: Path | None,
    **finish: bool,
) -> None:
    """Write bundle/ and bundle.Dockerfile for one release."""
    from kopfkit.packaging.bundle import bundle_dockerfile, bundle_tree, check_inputs
    from kopfkit.packaging.writer import Output

    checkout = Checkout()
    number, image = checkout.chosen(version, img)
    if channels:
        names = [name.strip() for name in channels.split(",")]
    else:
        listed = [one for one in checkout.history.releases if one.version == number]
        names = list(listed[0].channels if listed else checkout.history.channels)
    default = default_channel or checkout.history.default_channel
    release = check_inputs(checkout.history, number, image, names, default)
    tree = bundle_tree(checkout.project, release, image, names, default)
    dockerfile = bundle_dockerfile(checkout.project, names, default)
    where = (output or checkout.root).resolve()
    checkout.finish(
        [
            Output(where / "bundle", tree),
            Output(where / "bundle.Dockerfile", {"": dockerfile}),
        ],
        again="make bundle",
        **finish,
    )


@bundle.command()
@click.argument("source", metavar="[DIRECTORY|IMAGE]", required=False)
@click.option(
    "--strict/--no-strict",
    default=None,
    help="Also run kopfkit's house rules and operator-sdk's optional validators "
    "[default: for the bundle of this checkout only].",
)
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "house rule", "never")),
    help="Exit with 1 for findings of this severity or worse [default: house rule with --strict, "
    "else error].",
)
@click.option(
    "--skip",
    multiple=True,
    metavar="NAME",
    help="Skip a check, a rule, operator-sdk, api-server or kube-linter; may be repeated.",
)
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Baseline: ignore the findings in this file (an earlier --output json).",
)
@click.option(
    "--crds",
    multiple=True,
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="File of CRDs that objects of the bundle need (ServiceMonitor); may be repeated.",
)
@click.option(
    "--api-server/--no-api-server",
    default=True,
    show_default=True,
    help="Dry-run every object on a real API server, started for this (10 to 30 seconds).",
)
@click.option(
    "--images", is_flag=True, help="Also run the validator that pulls the images (multiarch)."
)
@click.option(
    "--olm-v1",
    "olm_v1",
    is_flag=True,
    help="Also ask OLM v1's own code, and the API server about the objects that it renders.",
)
@click.option(
    "--certification",
    is_flag=True,
    help="Also ask what OpenShift's certification asks of a bundle's files.",
)
@output_option("sarif")
def validate(
    source: str | None,
    strict: bool | None,
    fail_on: str | None,
    skip: tuple[str, ...],
    baseline: Path | None,
    crds: tuple[Path, ...],
    api_server: bool,
    images: bool,
    olm_v1: bool,
    certification: bool,
    output: str,
) -> None:
    """Check a bundle, and report every finding at once with its file and its field.

    DIRECTORY has manifests/ and metadata/; by default it is bundle/ of this checkout, which is
    compared with the project's description, too. IMAGE is a bundle's, in a registry. Asked are
    kopfkit's own checks, operator-sdk, a real API server, and kube-linter where it is on PATH. An
    error is what OLM, opm or the API server refuses, a warning what they warn of.
    """
    from kopfkit.cli._bundlechecks import API_SERVER, Choice, everything
    from kopfkit.cli._bundlereport import show
    from kopfkit.cli._signals import sigterm_like_ctrl_c

    sigterm_like_ctrl_c()
    strict = source is None if strict is None else strict
    left_out = frozenset({*skip, *(() if api_server else (API_SERVER,))})
    baseline = baseline and baseline.absolute()
    crds = tuple(each.absolute() for each in crds)
    with _directory(source) as directory:
        choice = Choice(directory, strict, left_out, images, crds, baseline, olm_v1, certification)
        outcome = everything(choice)
    show(outcome, output)
    raise SystemExit(outcome.fails(fail_on or ("house rule" if strict else "error")))


@contextlib.contextmanager
def _directory(source: str | None) -> Iterator[Path | None]:
    """The directory with a bundle that an argument names, None for that of the checkout.

    That of an image is below the current directory then, so that findings name no other.
    KopfkitError if the argument names none.
    """
    from kopfkit.cli._simulation import is_image

    if source is None:
        yield None
    elif not is_image(source):
        yield _existing(source)
    else:
        from kopfkit.image import bundleimage

        with bundleimage.unpacked(source) as place, contextlib.chdir(place.parent):
            yield Path(place.name)


def _existing(source: str) -> Path:
    from kopfkit.errors import KopfkitError
    from kopfkit.packaging.catalogs import community

    path = Path(source)
    if path.is_dir():
        versions = [each.name for each in community.bundles(path)]
        if versions and not (path / "manifests").is_dir():
            hint = f"Name one of its bundles, such as {path / versions[-1]}."
            raise KopfkitError(source, "is a package with several bundles", hint)
        return path
    if path.exists():
        raise KopfkitError(source, "is a file, and a bundle is a directory", "Name its directory.")
    raise KopfkitError(
        source,
        "is neither a directory nor the name of an image",
        "An image has its registry and a tag or digest: registry.example.com/op-bundle:v1.2.3.",
    )
