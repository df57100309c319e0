"""`kopfkit bundle generate|validate`."""

import json
from pathlib import Path

import click

from kopfkit.cli._generation import Checkout, check_option, overwrite_option
from kopfkit.project import Faults


@click.group()
def bundle() -> None:
    """Generate and validate the OLM bundle."""


@bundle.command()
@click.option("--version", help="The release, without v [default: the newest one].")
@click.option("--img", help="The operator's image [default: IMAGE_TAG_BASE:v<version>].")
@click.option("--channels", help="Comma-separated [default: the release's channels].")
@click.option("--default-channel", help="[default: that of catalog/releases.yaml]")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write bundle/ and bundle.Dockerfile into this directory [default: the checkout].",
)
@check_option
@overwrite_option
def generate(
    version: str | None,
    img: str | None,
    channels: str | None,
    default_channel: str | None,
    output: Path | None,
    check: bool,
    overwrite: bool,
) -> None:
    """Write bundle/ and bundle.Dockerfile for one release."""
    from kopfkit.packaging.bundle import bundle_dockerfile, bundle_tree, check_inputs
    from kopfkit.packaging.writer import Output

    checkout = Checkout()
    number = version or checkout.history.newest.version
    image = img or checkout.image(number)
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
        check=check,
        overwrite=overwrite,
        again="make bundle",
    )


@bundle.command()
@click.argument(
    "directory", required=False, type=click.Path(file_okay=False, exists=True, path_type=Path)
)
@click.option(
    "--api-server/--no-api-server",
    default=True,
    show_default=True,
    help="Try every object on an API server that is started for this (10 to 30 seconds).",
)
@click.option(
    "--images", is_flag=True, help="Also run the validator that pulls the images (multiarch)."
)
@click.option("--output", type=click.Choice(("text", "json")), default="text", show_default=True)
def validate(directory: Path | None, api_server: bool, images: bool, output: str) -> None:
    """Check a bundle, and report every fault at once with its file and its field.

    DIRECTORY has manifests/ and metadata/; by default it is bundle/ of this checkout, which is
    compared with the project's description, too. Asked are kopfkit's own checks, every validator
    of operator-sdk, a real API server, and kube-linter where it is on PATH.
    """
    from kopfkit.cli._bundlechecks import everything
    from kopfkit.cli._signals import sigterm_like_ctrl_c
    from kopfkit.cli._validation import report

    sigterm_like_ctrl_c()
    faults, asked = everything(directory, api_server=api_server, images=images)
    if output == "json":
        click.echo(json.dumps({"asked": asked, "faults": [one.as_dict() for one in faults]}))
        raise SystemExit(1 if faults else 0)
    found = Faults("bundle")
    for one in faults:
        found.add(one.place, f"{one.why} [{one.by}]")
    report(found, f"bundle: valid ({', '.join(asked)})")
