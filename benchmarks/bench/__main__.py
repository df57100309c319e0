"""`python -m bench`: what `make bench` runs."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from rich.console import Console

from bench import bundles, conversion, operators, peerbuild, report
from bench.measure import Bench, Sample
from bench.operators import NAMES, Operator
from bench.plane import plane
from kopfkit.cli._signals import sigterm_like_ctrl_c
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain

PARTS = ("conversion", "bundle", "operators")
# Seconds for each object of a burst, where none of that size was run yet.
_EXPECTED = 0.06


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes:
        conversion: of the webhooks.
        bundle: how often each bundle is made.
        settle, settle_rounds: objects and rounds of the calm runs, which come first.
        bursts: (objects, rounds, operators) of each group of bursts. In a group the operators take
            turns, every second round backwards.
        limit: seconds after which no turn begins that would not end in time; 0 for none.
    """

    conversion: conversion.Plan
    bundle: int
    settle: int
    settle_rounds: int
    bursts: tuple[tuple[int, int, tuple[str, ...]], ...]
    limit: float = 0.0


PLANS = {
    "quick": Plan(
        conversion=conversion.PLANS["quick"],
        bundle=7,
        settle=20,
        settle_rounds=1,
        bursts=((1000, 1, ("ours", "go1", "rs")), (100, 5, ("ours", "go1", "rs", "kopf0"))),
        limit=270.0,
    ),
    # About two hours on two processors.
    "full": Plan(
        conversion=conversion.PLANS["full"],
        bundle=15,
        settle=300,
        settle_rounds=3,
        bursts=((100, 7, ("ours", "go1", "rs")), (1000, 7, NAMES), (10_000, 1, ("ours", "go1"))),
    ),
}


@click.command()
@click.option("--form", type=click.Choice(tuple(PLANS)), default="quick", show_default=True)
@click.option("--objects", type=click.IntRange(1, 50_000), help="One size of burst instead.")
@click.option("--rounds", type=click.IntRange(1, 100), help="Rounds of that size.")
@click.option("--settle", type=click.IntRange(0, 5000), help="Objects of the calm run; 0: none.")
@click.option("--operators", "chosen", help=f"Comma separated, of {', '.join(NAMES)}.")
@click.option("--parts", default=",".join(PARTS), show_default=True, help="Comma separated.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("build/bench/result.json"))
def main(
    form: str,
    objects: int | None,
    rounds: int | None,
    settle: int | None,
    chosen: str | None,
    parts: str,
    output: Path,
) -> None:
    """Run HelloWorld operators and conversion webhooks side by side on a control plane of its own,
    time `make bundle` beside operator-sdk, and compare them."""
    sigterm_like_ctrl_c()
    plan = PLANS[form]
    wanted = tuple(chosen.split(",")) if chosen else NAMES
    asked = tuple(parts.split(","))
    unknown = (set(wanted) - set(NAMES)) | (set(asked) - set(PARTS))
    if unknown:
        raise click.BadParameter(f"unknown: {', '.join(sorted(unknown))}")
    bursts = plan.bursts
    if objects or rounds:
        bursts = ((objects or 1000, rounds or 3, wanted),)
        limit = 0.0
    else:
        limit = plan.limit
    calm = plan.settle if settle is None else settle
    plan = replace(plan, settle=calm, bursts=bursts, limit=limit)
    settings = {"form": form, "plan": asdict(plan), "operators": wanted, "parts": asked}
    samples: list[Sample] = []
    missing: dict[str, str] = {}
    status = 0
    try:
        _run(plan, asked, wanted, samples, missing)
    except KopfkitError as error:
        click.echo(f"error: {error}", err=True)
        status = 1
    except KeyboardInterrupt:
        click.echo("interrupted: everything that was started has ended", err=True)
        status = 130
    if samples:  # also what was measured before an end that came too early
        report.write(output, samples, settings, missing)
        shown = [name for name in wanted if any(each.operator == name for each in samples)]
        report.show(Console(width=max(Console().width, 150)), samples, shown)
        click.echo(f"all samples: {output}", err=True)
    for name, why in missing.items():
        click.echo(f"left out: {name}: {why}", err=True)
    sys.exit(status)


def _run(
    plan: Plan,
    parts: Sequence[str],
    wanted: tuple[str, ...],
    samples: list[Sample],
    missing: dict[str, str],
) -> None:
    """Run what `parts` names; samples and what was left out are added as they come."""
    progress = Progress()
    _build(parts, wanted, progress)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kopfkit-bench-")))
        if "bundle" in parts:
            missing.update(bundles.measure(plan.bundle, work, progress, samples))
        if set(parts) <= {"bundle"}:
            return
        control = stack.enter_context(plane(work, progress))
        if "conversion" in parts:
            missing.update(conversion.measure(plan.conversion, work, progress, control, samples))
        if "operators" in parts:
            ready, unavailable = operators.available(wanted, work, progress)
            missing.update(unavailable)
            for name, why in unavailable.items():
                progress.say(f"  left out: {name}: {why}")
            limit = began + plan.limit if plan.limit else None
            _bursts(plan, ready, Bench(control, work), progress, samples, limit)


def _build(parts: Sequence[str], wanted: Sequence[str], progress: Progress) -> None:
    """Build the peers that are not there yet, before the time of the quick form begins."""
    needed: list[Callable[[], object]] = []
    if "bundle" in parts:
        needed.append(lambda: toolchain.ensure(["kubectl", "operator-sdk"], progress))
    if "conversion" in parts:
        needed.append(lambda: peerbuild.go("webhook", operators.HERE / "go", progress))
    if "operators" in parts and {"go1", "go16"} & {*wanted}:
        needed.append(lambda: peerbuild.go("operator", operators.HERE / "go", progress))
    if "operators" in parts and "rs" in wanted:
        needed.append(lambda: peerbuild.rust(operators.HERE / "rs", progress))
    for build in needed:
        # What cannot be built is left out, and told, by the part that needs it.
        with contextlib.suppress(KopfkitError):
            build()


def _bursts(
    plan: Plan,
    ready: Sequence[Operator],
    bench: Bench,
    progress: Progress,
    samples: list[Sample],
    limit: float | None,
) -> None:
    """The calm runs and the bursts, until the time is over."""
    known = {operator.name: operator for operator in ready}
    took: dict[tuple[str, int], float] = {}
    left_out: set[str] = set()
    turns = [("settle", plan.settle, name) for name in _turns([*known], plan.settle_rounds)]
    for count, rounds, names in plan.bursts:
        turns += [("converge", count, name) for name in _turns(names, rounds)]
    for kind, count, name in turns:
        if name not in known or not count:
            continue
        start = time.monotonic()
        if limit and start + took.get((kind, count), count * _EXPECTED) > limit:
            left_out.add(f"{kind} of {count}")
            continue
        samples.append(_one(bench, progress, kind, known[name], count))
        spent = time.monotonic() - start
        took[kind, count] = max(spent, took.get((kind, count), 0.0))
    if left_out:
        progress.say(f"The time is over: rounds were left out ({', '.join(sorted(left_out))}).")


def _turns(names: Sequence[str], rounds: int) -> list[str]:
    """The operators in the order in which they run: A B, B A, A B."""
    return [
        name for number in range(rounds) for name in (names if number % 2 == 0 else names[::-1])
    ]


def _one(bench: Bench, progress: Progress, kind: str, operator: Operator, count: int) -> Sample:
    with progress.step(f"{kind}: {count} objects, {operator.title}") as step:
        if kind == "settle":
            sample = bench.settle(operator, count)
            step.glance(f"{sample.values['writes_per_object']:.2f} writes per object")
        else:
            sample = bench.converge(operator, count)
            step.glance(
                f"{sample.values['converge']:.1f} s, "
                f"{sample.values['cpu_per_object']:.1f} ms CPU per object"
            )
    return sample


if __name__ == "__main__":
    main()
