"""`kopfkit simulate upgrade|preflight`: what OLM will do, before it does it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kopfkit.cli._output import JSON, TEXT, YAML, output_option, show

if TYPE_CHECKING:
    from kopfkit.simulation import Violation


@click.group()
def simulate() -> None:
    """Simulate what an upgrade by OLM will do.

    Exit code: 0 all is well, 3 something fails, 4 data is lost, 5 only an API server can tell,
    1 wrong input.
    """


def _reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which objects are found."""
    for option in (
        click.option(
            "--converter",
            metavar="MODULE:NAME",
            help="A kopfkit Converter, to see --objects through every version.",
        ),
        click.option(
            "--kubeconfig",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="With --live: kubeconfig, instead of --name.",
        ),
        click.option(
            "--name",
            default="kopfkit",
            show_default=True,
            help="With --live: name of the kopfkit cluster.",
        ),
        click.option("--live", is_flag=True, help="Read CRDs and objects from a cluster."),
        click.option(
            "--objects",
            type=click.Path(path_type=Path, exists=True),
            help="File or directory of objects to check (kubectl get -o yaml).",
        ),
        click.option("--json", "as_json_", is_flag=True, help="The same as --output json."),
        output_option(),
    ):
        command = option(command)
    return command


def _kubeconfig(
    live: bool, objects: Path | None, name: str, kubeconfig: Path | None
) -> Path | None:
    if live and objects is not None:
        raise click.UsageError("--objects and --live exclude each other")
    if kubeconfig is not None and not live:
        raise click.UsageError("--kubeconfig needs --live")
    if not live:
        return None
    from kopfkit.cluster import manager

    return kubeconfig or manager.kubeconfig(name)


@simulate.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--stored-versions",
    default="",
    metavar="V,V",
    help="status.storedVersions before [default: the version that OLD stores].",
)
@click.option(
    "--secret-owner",
    type=click.Choice(["auto", "csv", "deployment"]),
    default="auto",
    show_default=True,
    help="Who owns the webhook's certificate Secret.",
)
@click.option("--no-guard", is_flag=True, help="Simulate that OLD's guard webhook does not answer.")
@click.option(
    "--catalog",
    metavar="CATALOG",
    help="A catalog (directory, file or image), or a package of a community-operators checkout; "
    "OLD and NEW are bundles of it.",
)
@click.option("--package", default="", help="With --catalog: the package, where it has several.")
@click.option("--all", "every", is_flag=True, help="Also show what is ok.")
@click.option(
    "--olm-v1",
    "olm_v1",
    is_flag=True,
    help="Simulate OLM v1: its own code is asked. With --catalog, every step that it takes.",
)
@_reading
def upgrade(
    old: str,
    new: str,
    stored_versions: str,
    secret_owner: str,
    no_guard: bool,
    catalog: str | None,
    package: str,
    every: bool,
    olm_v1: bool,
    as_json_: bool,
    output: str,
    objects: Path | None,
    live: bool,
    name: str,
    kubeconfig: Path | None,
    converter: str | None,
) -> None:
    """Go through OLM's upgrade from OLD to NEW, with a verdict at each step.

    OLD and NEW are bundle directories or images, or versions of this checkout's
    catalog/releases.yaml; with --catalog, names or versions of its bundles. The verdict is ok,
    unknown, fails (calls are refused) or corrupts (data is lost, with HTTP 200). NEW has to
    replace or skip OLD.
    """
    from dataclasses import replace

    from kopfkit.cli._simulation import bundle_at, installed, situation_of, with_stored
    from kopfkit.simulation import as_json, as_text
    from kopfkit.simulation import simulate as run

    form = JSON if as_json_ else output
    cluster = _kubeconfig(live, objects, name, kubeconfig)
    not_offered = None
    if olm_v1:
        from kopfkit.cli import _olmv1upgrade
        from kopfkit.simulation import Bundle, Situation

        if secret_owner != "auto" or no_guard:
            raise click.UsageError("--secret-owner and --no-guard are about OLM v0")

        def known(one: Bundle, other: Bundle) -> Situation:
            found = situation_of(
                installed(one), other.crds, objects=objects, live=cluster, converter=converter
            )
            return with_stored(found, one.crds, stored_versions)

        if catalog is not None:
            reports = _olmv1upgrade.in_catalog(catalog, package, old, new, known)
        else:
            reports = _olmv1upgrade.between(bundle_at(old), bundle_at(new), known)
        text, code = _olmv1upgrade.shown(reports, as_json_=form != TEXT, every=every)
        _show(text, form)
        sys.exit(code)
    if catalog is not None:
        from kopfkit.cli._catalogbundles import two_bundles

        before, after, not_offered = two_bundles(catalog, package, old, new)
    else:
        before, after = bundle_at(old), bundle_at(new)
    situation = situation_of(
        installed(before), after.crds, objects=objects, live=cluster, converter=converter
    )
    situation = with_stored(situation, before.crds, stored_versions)
    if secret_owner != "auto":
        situation = replace(situation, secret_owner=secret_owner)
    situation = replace(situation, guard=not no_guard, not_offered=not_offered)
    report = run(before, after, situation)
    _show(as_text(report, every=every) if form == TEXT else as_json(report), form)
    sys.exit(report.verdict.exit_code)


@simulate.command()
@click.argument("new")
@click.option(
    "--old",
    help="The current CRDs, given as NEW is [default: the cluster's, else NEW].",
)
@click.option(
    "--api-server",
    is_flag=True,
    help="Also validate with a real API server (started for this; takes seconds).",
)
@_reading
def preflight(
    new: str,
    old: str | None,
    api_server: bool,
    as_json_: bool,
    output: str,
    objects: Path | None,
    live: bool,
    name: str,
    kubeconfig: Path | None,
    converter: str | None,
) -> None:
    """Check objects against the CRDs of NEW, as OLM does before it replaces them.

    NEW is a bundle's directory, a version of catalog/releases.yaml, or a file of CRDs.
    """
    from kopfkit.cli._simulation import asked, crds_at, situation_of
    from kopfkit.simulation.preflight import By, lost_versions
    from kopfkit.simulation.preflight import preflight as run

    form = JSON if as_json_ else output
    cluster = _kubeconfig(live, objects, name, kubeconfig)
    if objects is None and not live:
        raise click.UsageError("name objects with --objects, or a cluster with --live")
    after = crds_at(new)
    before = crds_at(old or new, before=True)
    situation = situation_of(before, after, objects=objects, live=cluster, converter=converter)
    found: list[dict[str, Any]] = []
    count, codes = 0, {0}
    for crd, groups in (situation.objects or {}).items():
        was = situation.crds.get(crd, before.get(crd, after[crd]))
        count += sum(map(len, groups.values()))
        kept = was.get("status", {}).get("storedVersions", ())
        for version in lost_versions(kept, after[crd]):
            why = f"status.storedVersions names {version}, which the new CRD does not have"
            found.append(_row(crd, "", "", "", why, "OLM refuses"))
            codes.add(3)
        for each in run(was, after[crd], groups):
            # What an API server says itself counts for more than what we say about it.
            if not api_server or each.by in (By.OLM, By.NOBODY):
                who = _who(each, after[crd])
                found.append(_row(crd, each.version, each.key, each.path, each.reason, who))
                codes.add({By.NOBODY: 4, By.UNKNOWN: 5}.get(each.by, 3))
    if api_server:
        refused = asked(after, situation.objects or {})
        found += [_row(*each, "an API server refuses") for each in refused]
        codes.add(3 if refused else 0)
    if form != TEXT:
        show({"objects": count, "findings": found}, form)
    else:
        for row in found:
            place = " ".join(row[key] for key in ("crd", "version", "key", "path") if row[key])
            click.echo(f"{place}: {row['reason']} ({row['who']})")
        click.echo(f"{len(found)} errors in {count} objects, read in every served version.")
    sys.exit(next(code for code in (4, 3, 5, 0) if code in codes))


def _show(text: str, form: str) -> None:
    """Print a report: its text, or its JSON document in the format that is asked for."""
    if form == YAML:
        show(json.loads(text), form)
    else:
        click.echo(text, nl=False)


def _who(violation: "Violation", after: dict[str, Any]) -> str:
    from kopfkit.simulation.preflight import By, is_webhook

    return {
        By.OLM: "OLM warns" if is_webhook(after) else "OLM refuses",
        By.API_SERVER: "the API server refuses a later write",
        By.NOBODY: "the API server drops it",
        By.UNKNOWN: "ask an API server: --api-server",
    }[violation.by]


def _row(crd: str, version: str, key: str, path: str, reason: str, who: str) -> dict[str, Any]:
    return {
        "crd": crd,
        "version": version,
        "key": key,
        "path": path,
        "reason": reason,
        "who": who,
    }
