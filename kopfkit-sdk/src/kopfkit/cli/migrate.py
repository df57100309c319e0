"""`kopfkit migrate storage`: for the impatient; the operator does it by itself."""

import asyncio
import os
from functools import partial
from pathlib import Path

import click

from kopfkit import project
from kopfkit.cluster import manager
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress, Step
from kopfkit.migration import Result, State
from kopfkit.migration import migrate as run
from kopfkit.migration.storage import RATE
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client

# Characters of the bar.
_WIDTH = 24
# Refused objects that are named; the rest is counted.
_NAMED = 10


@click.group()
def migrate() -> None:
    """Storage version migration."""


@migrate.command()
@click.argument("crds", nargs=-1, metavar="[CRD]...")
@click.option("--name", default="kopfkit", show_default=True, help="Name of the kopfkit cluster.")
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Instead of --name.",
)
@click.option("--to", metavar="VERSION", help="Fail unless this is the CRD's storage version.")
@click.option(
    "--dry-run", is_flag=True, help="Server-side dry run: check each rewrite, write nothing."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    default=RATE,
    show_default=True,
    help="Maximum objects per second; 0 for no limit.",
)
def storage(
    crds: tuple[str, ...],
    name: str,
    kubeconfig: Path | None,
    to: str | None,
    dry_run: bool,
    rate: float,
) -> None:
    """Rewrite the objects of a CRD in the version it stores, and have it forget the others.

    CRD is PLURAL.GROUP; without one, all of this checkout's operator. May be ended and repeated
    at any time: it resumes.
    """
    names = crds or tuple(resource.crd_name for resource in project.load().resources)
    # The run-time client looks for the cluster where an operator does.
    os.environ["KUBECONFIG"] = str((kubeconfig or manager.kubeconfig(name)).absolute())
    progress = Progress()
    refused = 0
    for crd in names:
        with progress.step(f"{crd}: checking" if dry_run else f"{crd}: rewriting") as step:
            result = asyncio.run(_one(crd, to, dry_run, rate, step))
            step.glance(_numbers(result.state) if result.needed else "nothing to do")
        click.echo(f"{crd}: {_verdict(result, dry_run)}")
        for key, why in result.refused[:_NAMED]:
            click.echo(f"  {key}: {why}", err=True)
        refused += len(result.refused)
    if refused:
        raise KopfkitError(
            "storage migration",
            f"the API server rejects {_count(refused)} as they are",
            "Fix them (kubectl edit), or what rejects them, and run it again.",
        )


async def _one(crd: str, to: str | None, dry_run: bool, rate: float, step: Step) -> Result:
    client = Client(credentials.load, manager="kopfkit-migrate")
    await client.open()
    try:
        return await run(
            client, crd, to=to, dry_run=dry_run, rate=rate, progress=partial(_show, step)
        )
    finally:
        await client.close()


def _show(step: Step, state: State) -> None:
    share = state.done / state.total if state.total else 0.0
    full = round(share * _WIDTH)
    bar = "█" * full + "░" * (_WIDTH - full)
    speed = state.done / step.elapsed if step.elapsed else 0.0
    left = f", {(state.total - state.done) / speed:.0f} s left" if speed else ""
    step.glance(f"{bar} {share:4.0%} {_numbers(state)}{left}")


def _numbers(state: State) -> str:
    refused = f", {state.refused} refused" if state.refused else ""
    return f"{state.done} of {_count(state.total)}, {state.rewritten} rewritten{refused}"


def _verdict(result: Result, dry_run: bool) -> str:
    if not result.needed:
        return f"all objects are stored in {result.storage} already."
    state = result.state
    if dry_run:
        fine = state.done - state.refused
        return f"{fine} of {_count(state.total)} can be rewritten in {result.storage}."
    done = f"{state.rewritten} of {_count(state.total)} were rewritten in {result.storage}"
    if result.trimmed:
        return f"{done}; status.storedVersions is [{result.storage}]."
    return f"{done}, {state.refused} were refused; status.storedVersions stays as it was."


def _count(number: int) -> str:
    return "1 object" if number == 1 else f"{number} objects"
