"""Breaks the product at each place of a list, one at a time, and tells which test notices.

All of it happens in a clone: the checkout is never changed. Left out: inventing mutants. The list
is written by hand, so that two versions of the test suite meet the same faults
(docs/decisions/0021-mutants.md).
"""

import argparse
import contextlib
import fcntl
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from clone import Clone, Refused
from kopfkit import yamls

ROOT = Path(__file__).resolve().parent.parent
LIST = "tests/mutants.yaml"
# pytest's exit codes for a run in which all tests passed, and one in which a test failed.
PASSED, FAILED = 0, 1
# How pytest's summary names a test that failed, and one whose fixture did.
_NAMED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """One place to break.

    Attributes:
        id: names it.
        file: path below the checkout.
        old, new: a text that the file has exactly once, and what takes its place.
        tests: the tests that should notice, as arguments of pytest.
        cluster: whether they start a control plane.
        gap: why it is accepted that no test notices; "" where one must.
    """

    id: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    cluster: bool = False
    gap: str = ""


def load(path: Path, patterns: Sequence[str] = ()) -> list[Mutant]:
    """The mutants of a list whose id or file matches one of the shell patterns, if there are any.

    Raises Refused if there are none, or two have one id.
    """
    found = [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in yamls.read(path)]
    ids = [one.id for one in found]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise Refused(f"{path}: several entries are called {', '.join(twice)}")
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for one in found for name in (one.id, one.file)):
            raise Refused(f"{path}: no entry has an id or a file like {pattern}")
    return [
        one
        for one in found
        if not patterns
        or any(fnmatch(one.id, each) or fnmatch(one.file, each) for each in patterns)
    ]


def mutated(mutant: Mutant, checkout: Path) -> str:
    """The text of the file with the fault in it. Raises Refused if the entry does not fit."""
    path, entry = checkout / mutant.file, f"entry {mutant.id}"
    text = path.read_text("utf-8") if path.is_file() else ""
    if (count := text.count(mutant.old)) != 1:
        raise Refused(
            f"{entry}: {mutant.file} has its old text {count} times instead of once; "
            "change the entry with the line that it breaks"
        )
    for test in mutant.tests:
        if not (checkout / test.partition("::")[0]).exists():
            raise Refused(f"{entry}: there is no {test}; name the tests that took its place")
    changed = text.replace(mutant.old, mutant.new)
    try:
        compile(changed, mutant.file, "exec")
    except SyntaxError as error:
        raise Refused(f"{entry}: its new text is no Python ({error})") from None
    return changed


@contextlib.contextmanager
def held(lock: Path | None) -> Iterator[None]:
    """Hold a lock file, if there is one."""
    with open(lock or os.devnull, "a") as file:
        if lock:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def check_unbroken(
    clone: Clone, mutants: Sequence[Mutant], lock: Path | None, limit: float
) -> None:
    """Raise Refused unless the tests pass as long as nothing is broken."""
    for cluster in (False, True):
        tests = dict.fromkeys(t for one in mutants if one.cluster is cluster for t in one.tests)
        if tests:
            with held(lock if cluster else None):
                code, told = clone.pytest([*tests], 5 * limit)
            if code != PASSED:
                raise Refused(
                    f"the tests do not pass with nothing broken (exit code {code})\n{told}"
                )


def judge(clone: Clone, mutant: Mutant, lock: Path | None, limit: float) -> tuple[str, str, float]:
    """noticed, unnoticed, timeout or error; by which test; and seconds."""
    with (
        held(lock if mutant.cluster else None),
        clone.with_text(mutant.file, mutated(mutant, clone.directory)),
    ):
        started = time.monotonic()
        code, told = clone.pytest(mutant.tests, limit)
        seconds = time.monotonic() - started
    by = next(iter(_NAMED.findall(told)), "")
    if code is None:
        return "timeout", "", seconds
    if code == PASSED:
        return "unnoticed", mutant.gap, seconds
    if code == FAILED and by:
        return "noticed", by, seconds
    return "error", f"pytest's exit code is {code}: {told.strip()[-500:]}", seconds


def run(options: argparse.Namespace) -> int:
    """The exit code: 0 if each mutant is noticed that has no gap."""
    mutants = load(options.list, options.patterns)
    lines = ["| mutant | file | result | by | s |", "|---|---|---|---|---|"]
    results: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        clone = Clone(Path(directory, "checkout"), options.checkout, options.commit)
        for one in mutants:
            mutated(one, clone.directory)
        clone.check_imports({one.file for one in mutants})
        print(f"{len(mutants)} mutants; first their tests with nothing broken", flush=True)
        check_unbroken(clone, mutants, options.lock, options.limit)
        for one in mutants:
            result, by, seconds = judge(clone, one, options.lock, options.limit)
            results[one.id] = result
            lines.append(f"| {one.id} | {one.file} | {result} | {by} | {seconds:.0f} |")
            print(lines[-1], flush=True)
    counts = {each: [*results.values()].count(each) for each in sorted({*results.values()})}
    lines += ["", ", ".join(f"{count} {each}" for each, count in counts.items()) + "."]
    print(lines[-1])
    if options.output:
        options.output.write_text("\n".join(lines) + "\n", "utf-8")
    missed = [one.id for one in mutants if results[one.id] != "noticed" and not one.gap]
    if missed:
        print(f"error: not noticed by their tests: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="of ids or files")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="whose product and tests")
    parser.add_argument(
        "--commit", default="", help="of the checkout; default: its files as they are"
    )
    parser.add_argument("--list", type=Path, default=ROOT / LIST, help="the places")
    parser.add_argument("--lock", type=Path, help="a file to lock while a control plane runs")
    parser.add_argument("--limit", type=float, default=300, help="seconds for one mutant's tests")
    parser.add_argument("--output", type=Path, help="write the table to this file")
    try:
        return run(parser.parse_args(words))
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing is left behind", file=sys.stderr)
        return 130


def interrupt(number: int, frame: object) -> None:
    """End as by Ctrl-C, once: a second signal would leave half of the clone behind."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    # Set here, as a shell may have started this with SIGINT ignored.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupt)
    sys.exit(main())
