"""`kopfkit bundle generate|validate`."""

from pathlib import Path

import click

from kopfkit.cli._generation import Checkout, check_option, overwrite_option


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
def validate() -> None:
    """Check bundle/ with operator-sdk's validators and kopfkit's own; reports every fault."""
    from kopfkit.cli._validation import report, tool_fault
    from kopfkit.packaging.validation import bundle_faults

    checkout = Checkout()
    faults = bundle_faults(checkout.project, checkout.root)
    # Each suite is one run of operator-sdk; together they are all validators it has today.
    for selector in ("suite=operatorframework", "name=good-practices"):
        fault = tool_fault(
            "operator-sdk",
            ["bundle", "validate", str(checkout.root / "bundle"), "--select-optional", selector],
        )
        if fault:
            faults.add(f"operator-sdk ({selector})", fault)
    report(faults, "bundle: valid")
