"""`make test`: the whole suite, as parts that run side by side where that helps.

What runs when stands in `plan` and nowhere else. Unit and integration tests keep every processor
busy; a kind cluster beside them loses its leases and is started again, so its tests come after
them. These mostly wait, so they share two clusters: one has an operator at a time. Where all tests
run, what is committed is checked as well. Any other choice of tests than whole directories (`make
test TESTS="tests/unit/crd -k cel"`) is pytest's own.
"""

import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import results
from kopfkit.errors import KopfkitError
from kopfkit.host import paths, state
from kopfkit.testing.kind import DEFAULT, VARIABLE
from parts import Outcome, Part, Run

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LOGS = ROOT / "build" / "suite"
CLUSTER = os.environ.get(VARIABLE) or DEFAULT
SECOND = f"{CLUSTER}-2"
LAYERS = ("tests/unit", "tests/integration", "tests/e2e")
# Tests wait as often as they compute, for servers above all: two processes for each processor.
WORKERS = f"-n{2 * (os.cpu_count() or 1)}"
BY_FILE = ("--dist=loadfile", "--no-loadscope-reorder")
# e2e tests that neither need the operator in the cluster nor hinder it. First the one that keeps
# OLM busy: the tests beside it need OLM little in their first minutes.
BESIDE = (
    "tests/e2e/test_resolver.py",
    "tests/e2e/test_cluster.py",
    "tests/e2e/test_scorecard.py",
    "tests/e2e/test_new_operator.py",
    "tests/e2e/test_moved_in.py",
)
# e2e tests that take OLM away from all others.
ALONE = ("tests/e2e/test_olm_lifecycle.py",)
# e2e tests in the second cluster; some take a node away from all others there.
ON_SECOND = (
    "tests/e2e/test_run_bundle.py",
    "tests/e2e/test_examples.py",
    "tests/e2e/test_dev.py",
    "tests/e2e/deployed",
)
# Those of OLM v1 and of an operator in Go, whose programs take minutes to build, and the chapters
# of the tutorial in a cluster, whose parts other tests try: `make test-olm-v1`, `make test-guard`,
# `make test-tutorial`.
APART = (
    "tests/e2e/upgrade/test_olm_v1.py",
    "tests/e2e/upgrade/test_guard_of_others.py",
    "tests/e2e/test_tutorial.py",
)
# For the API servers and all else in Go, unless it is set: memory is there, processors are not, and
# the garbage collector took an eighth of an integration run's time.
HEAP = {"GOGC": "400"}
# Bytes that a run from nothing takes: tools and their build, images, a cluster's volumes.
ROOM = 12 << 30


def plan(layers: Sequence[str], *, split: bool = False) -> list[Part]:
    """The parts for whole directories of tests; with `split`, one for each directory of them."""
    parts = [Part("tools", [BIN / "kopfkit", "tools", "build"])]
    if set(layers) == set(LAYERS):
        parts.append(Part("checks", ["make", "verify", "site"], needs=["tools"]))
    before: list[str] = []
    for layer, needs, options in (
        ("tests/unit", [], (WORKERS,)),
        ("tests/integration", ["tools"], (WORKERS, *BY_FILE)),
    ):
        for name, tests in _divided(layer, split) if layer in layers else ():
            command = pytest(name, *tests, *options)
            parts.append(Part(name, command, needs=needs, after=tuple(before)))
            before.append(name)
    if "tests/e2e" in layers:
        first, second = ({VARIABLE: name} for name in (CLUSTER, SECOND))
        # The second comes after the first, which may have to make the node image.
        parts += [
            Part("cluster", _up(CLUSTER), needs=["tools"], after=before),
            Part("cluster-2", _up(SECOND), needs=["cluster"]),
            Part("e2e-olm", pytest("e2e-olm", *_others()), ["cluster"], environment=first),
            Part("e2e-second", pytest("e2e-second", *ON_SECOND), ["cluster-2"], environment=second),
            Part("e2e-beside", pytest("e2e-beside", *BESIDE), ["cluster"], environment=first),
            Part(
                "e2e-alone",
                pytest("e2e-alone", *ALONE),
                needs=["cluster"],
                after=["e2e-olm", "e2e-beside"],
                environment=first,
            ),
        ]
    return parts


def _divided(layer: str, split: bool) -> list[tuple[str, list[str]]]:
    """Names of parts and the paths of their tests: the layer, or each of its directories."""
    name = layer.removeprefix("tests/")
    if not split:
        return [(name, [layer])]
    files = sorted(path.relative_to(ROOT) for path in (ROOT / layer).rglob("test_*.py"))
    found: dict[str, list[str]] = {}
    for path in files:
        below = path.relative_to(layer).parts
        if len(below) == 1:
            found.setdefault(name, []).append(str(path))
        else:
            found[f"{name}-{below[0]}"] = [f"{layer}/{below[0]}"]
    return list(found.items())


def _up(cluster: str) -> list[str | Path]:
    words = ("cluster", "up", "--kind=kind", "--olm", "--workers=1", f"--name={cluster}")
    return [BIN / "kopfkit", *words]


def _down(cluster: str) -> list[str | Path]:
    return [BIN / "kopfkit", "cluster", "down", f"--name={cluster}"]


def pytest(name: str, *arguments: str) -> list[str | Path]:
    """The command line of a part's pytest."""
    return [BIN / "pytest", *arguments, f"--junitxml={LOGS / f'{name}.xml'}"]


def _others() -> list[str]:
    """All e2e tests but those that are named above: they install the operator by OLM v0."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/e2e").rglob("test_*.py"))
    return [path for path in files if not path.startswith((*BESIDE, *ALONE, *ON_SECOND, *APART))]


class Watch:
    """Says what runs: one line that changes on a terminal, a line a minute elsewhere.

    Args:
        ended: called once with each part that has ended.
    """

    def __init__(self, ended: Callable[[Outcome], None]) -> None:
        self._told, self._ended = ended, set[str]()
        self._terminal = sys.stdout.isatty()
        self._started = self._said = time.monotonic()

    def __call__(self, run: Run) -> None:
        for name, outcome in run.outcomes.items():
            if outcome.code is not None and name not in self._ended:
                self._ended.add(name)
                how = "done" if outcome.code == 0 else f"FAILED, see {outcome.log}"
                self._line(f"{name}: {how} ({results.clock(outcome.seconds)})")
                self._told(outcome)
        now = time.monotonic()
        if self._terminal or now - self._said >= 60:
            self._said = now
            parts = [f"{each.part.name} {each.progress}".rstrip() for each in run.running()]
            self._line(f"{results.clock(now - self._started)}  {' · '.join(parts)}", passing=True)

    def _line(self, text: str, *, passing: bool = False) -> None:
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="" if passing else "\n", flush=True)
        else:
            print(text, flush=True)


def run_parts(parts: Sequence[Part], ended: Callable[[Outcome], None] = lambda _: None) -> int:
    """Run the parts and tell what they found; the exit code. `ended` gets each as it ends.

    Raises KopfkitError where the suite runs already in this checkout.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KopfkitError(
                "the test suite",
                "runs already in this checkout",
                "Wait for it, or stop it with Ctrl-C where it runs.",
            ) from None
        for old in LOGS.glob("*.xml"):
            old.unlink()
        return _run_parts(parts, Watch(ended))


def _run_parts(parts: Sequence[Part], watch: Watch) -> int:
    times = paths.cache_dir() / "suite.json"
    last = results.last_times(times)
    print("Running, side by side where nothing hinders it (how long it took last time):")
    wide = max([14, *(len(part.name) + 2 for part in parts)])
    for part in parts:
        known = results.clock(last[part.name]) if part.name in last else "not known yet"
        print(f"  {part.name:<{wide}}{known:>14}   log: {LOGS.relative_to(ROOT) / part.name}.log")
    if shutil.disk_usage(paths.cache_dir()).free < ROOM:
        print(f"  less than {ROOM >> 30} GB are free: a run from nothing needs that much")
    clusters = {part.environment[VARIABLE] for part in parts if VARIABLE in part.environment}
    # Those that run already belong to somebody, who goes on with them.
    ours = [name for name in clusters if (known := state.load(name)) is None or not known.ready]
    run = Run(parts, LOGS, {**HEAP, **os.environ, "COLUMNS": "100"})
    try:
        run(watch)
    finally:
        Run([Part(f"down {name}", _down(name)) for name in ours], LOGS, os.environ)(lambda _: None)
    return tell(run, times, last)


def tell(run: Run, times: Path, last: dict[str, float]) -> int:
    """Print what a run found, and keep how long its parts took; the exit code."""
    outcomes = list(run.outcomes.values())
    cases = {each.part.name: results.read(LOGS / f"{each.part.name}.xml") for each in outcomes}
    every = [case for found in cases.values() for case in found]
    bad = [each for each in outcomes if each.code not in (0, None)]
    for outcome in bad:
        print(f"\n==== {outcome.part.name}", *results.failures(outcome), sep="\n")
    sections = {
        "Parts": results.table(outcomes, cases),
        f"The slowest {results.SLOWEST}": results.slowest(every),
        "Left out": [
            *results.left_out(every),
            *(
                f"{each.part.name}: {' and '.join(each.part.needs)} failed"
                for each in outcomes
                if each.code is None
            ),
        ],
        "Failed": results.failed(every),
    }
    for title, lines in sections.items():
        if lines:
            print(f"\n{title}", *(f"  {line}" for line in lines), sep="\n")
    done = {each.part.name: each.seconds for each in outcomes if each.code == 0}
    times.write_text(json.dumps({**last, **done}))
    print(f"\n{results.closing(every)}")
    return 1 if bad or not every else 0


def main(arguments: Sequence[str]) -> int:
    """Run the tests that the arguments name."""
    layers = [each.rstrip("/") for each in arguments] or list(LAYERS)
    if not set(layers) <= set(LAYERS):
        os.execv(BIN / "pytest", ["pytest", *arguments])
    return run_parts(plan(layers))


def _terminated(*_: Any) -> None:
    raise KeyboardInterrupt


def until_interrupted(run: Callable[[], int]) -> int:
    """The exit code of `run`, with one sentence for what ends it early."""
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run()
    except KeyboardInterrupt:
        print("\ninterrupted: nothing is left running", file=sys.stderr)
        return 130
    except KopfkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(until_interrupted(lambda: main(sys.argv[1:])))
