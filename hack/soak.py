"""The record of the last `make soak`, and whether it is about the code that is here.

    hack/soak.py sources                            prints the digest of the sources
    hack/soak.py write --sources DIGEST --figure 'walk through all releases=9 min 33 s' ...
    hack/soak.py check                              fails unless the record is about these sources

`make soak` (soakrun.py) notes the digest before it begins and writes the record when all has
passed; `make release` checks it. What counts is the content of what is shipped, not a day or a
commit: a change of documentation or of a test makes no record stale, and neither does the version
of a release.
"""

import argparse
import datetime
import hashlib
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.releasing import numbers, rules

ROOT = Path(__file__).resolve().parent.parent
RECORD = "docs/soak.md"
# What is installed into the image beside our own packages.
LOCK = "requirements/operator.txt"
SOAK = "Run make soak (hours), commit the record, and make the release from there."


def paths(root: Path) -> list[str]:
    """What the digest is of: the packages of each distribution of the workspace, and the lock.

    Read from the pyproject files, so that a distribution that is added is not forgotten.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    members = settings.get("tool", {}).get("uv", {}).get("workspace", {}).get("members", [])
    found = [LOCK]
    for home in (".", *members):
        text = (root / home / "pyproject.toml").read_text("utf-8")
        wheel = tomllib.loads(text)["tool"]["hatch"]["build"]["targets"]["wheel"]
        found += [(Path(home) / package).as_posix() for package in wheel["packages"]]
    return sorted(found)


def sources(root: Path) -> str:
    """The digest of the sources as they are in the checkout, as sha256:...

    Raises KopfkitError where git cannot say which files they are.
    """
    # A release changes the version and nothing else of them.
    unversioned = numbers.bumped(root, "0.0.0")
    found = hashlib.sha256()
    for name in sorted(set(rules.git(root, "ls-files", "-z", "--", *paths(root)).split("\0"))):
        place = root / name
        if not name or not place.is_file():
            continue
        data = unversioned[name].encode() if name in unversioned else place.read_bytes()
        found.update(f"{name}\0{len(data)}\0".encode() + data)
    return f"sha256:{found.hexdigest()}"


def text(header: Mapping[str, str], about: Sequence[str], figures: Mapping[str, str]) -> str:
    """The record: a header for programs, a table for people."""
    rows = "".join(f"| {name} | {value} |\n" for name, value in figures.items())
    return (
        f"---\n{yamls.dump(dict(header))}---\n# The last soak\n\n"
        "`make soak` writes this file when everything has passed; `make release` asks for it.\n"
        f"`sources` is the digest of {', '.join(f'`{one}`' for one in about)}.\n\n"
        f"| what | result |\n|---|---|\n{rows}"
    )


def unchanged(root: Path, begun: str) -> None:
    """Raises KopfkitError unless the sources are those with the digest `begun`."""
    if (now := sources(root)) != begun:
        raise KopfkitError(
            "make soak", f"began with the sources {begun}, and they are {now} now", SOAK
        )


def write(root: Path, record: Path, begun: str, figures: Mapping[str, str]) -> None:
    """Writes the record of a soak that began with the sources `begun`.

    Raises KopfkitError if they have changed since: the result would be of neither state.
    """
    unchanged(root, begun)
    commit = rules.git(root, "rev-parse", "HEAD").strip()
    today = datetime.datetime.now(datetime.UTC).date()
    header = {"sources": begun, "commit": commit, "date": today.isoformat()}
    record.write_text(text(header, paths(root), figures), "utf-8")


def check(root: Path, record: Path) -> Mapping[str, str]:
    """The header of the record. Raises KopfkitError unless it is about the sources here."""
    hint = f"{SOAK} SOAK_RECORD=none releases without a result, and says so."
    try:
        _, header, _ = record.read_text("utf-8").split("---\n", 2)
        found = yamls.load(header)
        about, commit, day = found["sources"], found["commit"], found["date"]
    except FileNotFoundError:
        raise KopfkitError(str(record), "is missing: no soak has passed", hint) from None
    except (OSError, ValueError, KeyError, TypeError, yamls.DocumentError) as error:
        raise KopfkitError(str(record), f"is not a record of a soak ({error!r})", hint) from None
    if about != sources(root):
        since = f"git diff {str(commit)[:12]} -- {' '.join(paths(root))}"
        raise KopfkitError(
            str(record), f"is about other sources, those of {day}; {since} shows the changes", hint
        )
    return {"sources": about, "commit": commit, "date": str(day)}


def _figure(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{argument!r} is not NAME=VALUE")
    return name, value


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="The record of the last make soak.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("sources", help="print the digest of the sources")
    writing = commands.add_parser("write", help="write the record of a soak that has passed")
    writing.add_argument("--sources", required=True, help="their digest when the soak began")
    writing.add_argument("--figure", type=_figure, action="append", default=[], help="NAME=VALUE")
    checking = commands.add_parser("check", help="fail unless the record is about these sources")
    for one in (writing, checking):
        one.add_argument("record", nargs="?", default=RECORD, type=Path)
    given = parser.parse_args(words)
    try:
        if given.command == "sources":
            print(sources(ROOT))
        elif given.command == "write":
            write(ROOT, given.record, given.sources, dict(given.figure))
        else:
            found = check(ROOT, given.record)
            print(f"{given.record}: soaked on {found['date']}, the sources are the same")
    except KopfkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
