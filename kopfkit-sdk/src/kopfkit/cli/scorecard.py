"""`kopfkit scorecard`: operator-sdk's scorecard, and kopfkit's checks as further tests of it."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from kopfkit import yamls
from kopfkit.cli._output import JSON, TEXT, YAML, output_option, show
from kopfkit.cli._signals import sigterm_like_ctrl_c
from kopfkit.cluster import manager
from kopfkit.errors import KopfkitError
from kopfkit.host import state
from kopfkit.host.progress import Progress
from kopfkit.olm import scorecard as running
from kopfkit.olm import scorecardimages
from kopfkit.packaging import scorecard as packaging

_CONFIG = Path("tests/scorecard/config.yaml")


@click.command()
@click.argument(
    "bundle", default="bundle", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--name", default="kopfkit", show_default=True, help="Name of the kopfkit cluster.")
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path), help="Another cluster, instead of --name."
)
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="The scorecard's configuration [default: the bundle's].")  # fmt: skip
@click.option("--selector", "-l", default="", help="Label selector of the tests to run.")
@click.option("--list", "-L", "listed", is_flag=True, help="Only list the tests.")
@output_option("xunit", help="json and xunit are operator-sdk's; yaml is its json.")
@click.option("--namespace", "-n", default="", help="Namespace of the pods [default: a new one].")
@click.option("--service-account", "-s", default="default", show_default=True)
@click.option(
    "--wait-time", "-w", default=running.TIMEOUT, show_default=True, help="Timeout in seconds."
)
@click.option("--skip-cleanup", "-x", is_flag=True, help="Keep the pods and their namespace.")
@click.option("--checks-image", help="The image of kopfkit's checks [default: made and pushed].")
@click.option(
    "--publish", metavar="IMAGE", help="Only build the image of kopfkit's checks, and push it."
)
def scorecard(
    bundle: Path,
    name: str,
    kubeconfig: Path | None,
    config: Path | None,
    selector: str,
    listed: bool,
    output: str,
    namespace: str,
    service_account: str,
    wait_time: float,
    skip_cleanup: bool,
    checks_image: str | None,
    publish: str | None,
) -> None:
    """Run operator-sdk's scorecard on a bundle, in a cluster.

    BUNDLE is a directory [default: bundle]. Besides the tests of its configuration run kopfkit's
    own checks (suite=kopfkit). Where the cluster has a local registry, the images are pushed there
    if they cannot be pulled from their own. Exits with 1 unless every test passes.
    """
    sigterm_like_ctrl_c()
    progress = Progress()
    if publish:
        click.echo(scorecardimages.publish_checks(publish, progress))
        return
    configuration = _read(config or bundle / _CONFIG)
    if listed:
        _list(packaging.with_checks(configuration, ""), output)
        return
    target = kubeconfig or manager.kubeconfig(name)
    current = None if kubeconfig else state.load(name)
    images = scorecardimages.ensure(
        packaging.IMAGE, current.registry if current else None, progress
    )
    configuration = packaging.with_images(configuration, {packaging.IMAGE: images.tests})
    if checks := checks_image or images.checks:
        configuration = packaging.with_checks(configuration, checks)
    else:
        progress.say("kopfkit's checks are left out: name their image with --checks-image.")
    asked = running.Run(
        bundle, configuration, images.tools, selector, namespace, service_account, wait_time,
        skip_cleanup,
    )  # fmt: skip
    if output != TEXT:
        text, passed = running.raw(target, asked, "json" if output == YAML else output, progress)
        click.echo(yamls.dump(json.loads(text)) if output == YAML else text.strip())
        sys.exit(0 if passed else 1)
    results = running.run(target, asked, progress)
    _show(results)
    sys.exit(0 if all(one.state == "pass" for one in results) else 1)


def _show(results: list[running.Result]) -> None:
    width = max(len(one.test) for one in results)
    for one in results:
        click.echo(f"{one.suite:8}  {one.test:{width}}  {one.state}")
        for text in one.errors:
            click.echo(f"          error: {text}")
        for text in one.suggestions:
            click.echo(f"          suggestion: {' '.join(text.split())}")
    passed = sum(one.state == "pass" for one in results)
    click.echo(f"{passed} of {len(results)} tests pass")


def _list(configuration: dict[str, Any], output: str) -> None:
    labels = [
        test.get("labels", {}) for stage in configuration["stages"] for test in stage["tests"]
    ]
    rows = [{"suite": one.get("suite", ""), "test": one.get("test", "")} for one in labels]
    if output in (JSON, YAML):
        show(rows, output)
        return
    for row in rows:
        click.echo(f"{row['suite']:8}  {row['test']}")


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise KopfkitError(str(path), "does not exist", "Generate the bundle: make bundle.")
    found = yamls.read(path)
    if not isinstance(found, dict) or not isinstance(found.get("stages"), list):
        raise KopfkitError(str(path), "is not a scorecard configuration: it has no stages")
    return found
