"""`kopfkit guard`: the conversion guard for a bundle of any operator."""

from collections.abc import Mapping
from pathlib import Path

import click

from kopfkit.cli._writing import dry_run_option, put

_DIRECTORY = click.argument(
    "directory",
    metavar="BUNDLE_DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)


@click.group()
def guard() -> None:
    """Keep the conversion of any operator's CRDs through upgrades by OLM v0."""


@guard.command()
@_DIRECTORY
@click.option(
    "--image",
    default="",
    help="The guard's image, with tag or digest [default: that of the guard which is there].",
)
@dry_run_option
def inject(directory: Path, image: str, dry_run: bool) -> None:
    """Put the guard into a bundle that has a conversion webhook.

    Changed are the ClusterServiceVersion and the manifests of the CRDs that are converted; what is
    added stands between comments, everything else stays byte by byte. A second run changes nothing,
    `kopfkit guard remove` gives the original back. The guard helps from the upgrade on in which the
    old release has it.
    """
    from kopfkit.packaging import guards

    plan = guards.inject(directory, image)
    _finish(directory, plan.files, dry_run=dry_run)
    if not dry_run:
        click.echo(
            f"guard: Deployment {plan.guard} ({plan.image}) keeps the conversion of "
            f"{', '.join(plan.crds)} and the certificate of {', '.join(plan.deployments)}"
        )


@guard.command()
@_DIRECTORY
@dry_run_option
def remove(directory: Path, dry_run: bool) -> None:
    """Give a bundle the bytes back that it had before `kopfkit guard inject`."""
    from kopfkit.packaging import guards

    _finish(directory, guards.remove(directory), dry_run=dry_run)


@guard.command()
@click.option("--tag", required=True, help="Name of the image, with its tag.")
@click.option("--base-image", default="", help="Base of the image, with Python 3.11.")
def image(tag: str, base_image: str) -> None:
    """Build the guard's image for this machine's architecture; one image serves all operators.

    `kopfkit image push` pushes it.
    """
    from kopfkit.host.progress import Progress
    from kopfkit.image import guardimage
    from kopfkit.packaging.inputs import check_image
    from kopfkit.project import Faults

    faults = Faults("guard image")
    check_image(faults, "--tag", tag)
    faults.raise_if_any()
    guardimage.build(tag, Progress(), base_image=base_image)


def _finish(directory: Path, texts: Mapping[Path, str], *, dry_run: bool) -> None:
    from kopfkit.packaging import guards

    written = put(guards.outputs(texts), Path.cwd(), dry_run=dry_run, overwrite=True)
    if written is None:
        return
    for path in texts:
        click.echo(f"{path}: written")
    if not texts:
        click.echo(f"{directory}: unchanged")
