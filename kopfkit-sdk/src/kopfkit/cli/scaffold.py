"""`kopfkit init`, `create api`, `create webhook`, `edit` and `update`: projects from templates."""

import datetime
from collections.abc import Callable
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, TypeVar

import click

from kopfkit.cli._writing import dry_run_option, show_diff
from kopfkit.scaffold import history, operations
from kopfkit.scaffold.answers import LICENSES, STYLES, Answers
from kopfkit.scaffold.merging import Plan
from kopfkit.scaffold.rendering import Kit

F = TypeVar("F", bound=Callable[..., Any])


def kit() -> Kit:
    """This kopfkit."""
    return Kit(installed("kopfkit-sdk"))


def _done(plan: Plan, dry_run: bool, *following: str) -> None:
    """Carry a plan out, or show it; exits with 1 where it has conflicts."""
    root = Path.cwd()
    if dry_run:
        show_diff(plan.diff(root))
        return
    plan.carry_out(root)
    for path in sorted(plan.files):
        click.echo(f"{'conflict' if path in plan.conflicts else 'written'}  {path}")
    for path in plan.gone:
        click.echo(f"deleted  {path}")
    for path, why in plan.left:
        click.echo(f"yours    {path}: {why}")
    if plan.conflicts:
        click.echo(f"error: conflicts in {', '.join(plan.conflicts)}", err=True)
        click.echo("  hint: Resolve what is between <<<<<<< and >>>>>>> in them.", err=True)
        raise SystemExit(1)
    for line in following:
        click.echo(line)


@click.command()
@click.option("--domain", required=True, help="Appended to the groups of the APIs: example.org.")
@click.option("--project-name", help="Name of the operator [default: that of this directory].")
@click.option(
    "--style",
    type=click.Choice(STYLES),
    default=STYLES[0],
    show_default=True,
    help="For each kind one reconcile function, or kopf's handlers.",
)
@click.option("--owner", help="Who publishes the operator [default: the domain].")
@click.option("--license", type=click.Choice(LICENSES), default=LICENSES[0], show_default=True)
@click.option(
    "--date",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day of the first release [default: today, or that of SOURCE_DATE_EPOCH].",
)
@dry_run_option
def init(
    domain: str,
    project_name: str | None,
    style: str,
    owner: str | None,
    license: str,
    date: datetime.datetime | None,
    dry_run: bool,
) -> None:
    """Make a project in this directory, which is empty."""
    name = project_name or Path.cwd().name
    day = date.date().isoformat() if date else history.today().isoformat()
    answers = Answers(domain, name, day, owner or domain, style, license)
    plan = operations.init(Path.cwd(), answers, kit())
    _done(
        plan,
        dry_run,
        "Next, create an API:",
        "  kopfkit create api --group GROUP --version v1alpha1 --kind KIND",
    )


@click.group()
def create() -> None:
    """Add to a project."""


@create.command()
@click.option("--group", required=True, help="Of the API, without the project's domain.")
@click.option("--version", required=True, help="Of the API: v1alpha1, v1beta1, v1.")
@click.option("--kind", required=True, help="In CamelCase: Memcached.")
@click.option("--plural", default="", help="In lower case [default: the English plural].")
@click.option(
    "--namespaced/--cluster-scoped",
    default=True,
    show_default=True,
    help="Whether objects live in a namespace.",
)
@dry_run_option
def api(group: str, version: str, kind: str, plural: str, namespaced: bool, dry_run: bool) -> None:
    """Add a kind, or a version to a kind that is there.

    A new version is stored from then on, and begins with the fields of the one before. Others are
    converted by functions that you write; the tests say which. Where the last release of
    catalog/releases.yaml is published (its images are named there, its bundle is in
    catalog/published, or git has its tag), an entry of the next one is added.
    """
    plan = operations.create_api(
        Path.cwd(),
        kit(),
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        namespaced=namespaced,
    )
    _done(plan, dry_run, "Next: make test")


@create.command()
@click.option("--group", required=True, help="Of the API, without the project's domain.")
@click.option("--version", required=True, help="Of the API, that the functions are written for.")
@click.option("--kind", required=True, help="A kind of the project: Memcached.")
@click.option("--defaulting", is_flag=True, help="A function that fills in what nobody wrote.")
@click.option("--validation", is_flag=True, help="A function that says what is wrong.")
@dry_run_option
def webhook(
    group: str, version: str, kind: str, defaulting: bool, validation: bool, dry_run: bool
) -> None:
    """Add admission to a kind: what is set and refused when somebody writes an object.

    Objects that are written through another version are converted to this one before.
    """
    plan = operations.create_webhook(
        Path.cwd(),
        kit(),
        group=group,
        version=version,
        kind=kind,
        defaulting=defaulting,
        validation=validation,
    )
    _done(plan, dry_run, "Next: make test")


@click.command()
@click.option("--domain", help="Only before the first API.")
@click.option("--project-name", "name", help="Only before the first API.")
@click.option("--style", type=click.Choice(STYLES))
@click.option("--owner", help="Who publishes the operator.")
@click.option("--license", type=click.Choice(LICENSES))
@dry_run_option
def edit(dry_run: bool, **changes: str | None) -> None:
    """Change the answers given to `kopfkit init`."""
    given = {name: value for name, value in changes.items() if value is not None}
    _done(operations.edit(Path.cwd(), kit(), **given), dry_run)


@click.command()
@dry_run_option
def update(dry_run: bool) -> None:
    """Bring the project to this kopfkit; your edits stay.

    What templates have changed since is merged into your files by git, which marks what it cannot
    decide. Exits with 1 if there is such a conflict.
    """
    plan = operations.update(Path.cwd(), kit())
    if not plan.files and not plan.gone:
        click.echo("Up to date.")
    _done(plan, dry_run)
