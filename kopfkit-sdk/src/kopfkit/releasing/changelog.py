"""CHANGELOG.md from the fragments in changelog.d/, of which there is one for each change."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError

DIRECTORY = "changelog.d"
FILE = "CHANGELOG.md"
_HEAD = "# Changelog\n\nNewest release first. The fragments of the next one are in changelog.d/.\n"


@dataclass(frozen=True)
class Change:
    """A fragment: its path below the checkout and its text."""

    path: str
    text: str


def fragments(root: Path) -> list[Change]:
    """The fragments in the order of their names.

    Raises KopfkitError that names an empty one: somebody began it and forgot.
    """
    found = []
    for path in sorted((root / DIRECTORY).glob("*.md")):
        if path.name == "README.md":
            continue
        text = path.read_text("utf-8").strip()
        if not text:
            raise KopfkitError(
                f"{DIRECTORY}/{path.name}", "is empty", "Describe the change, or remove the file."
            )
        found.append(Change(f"{DIRECTORY}/{path.name}", text))
    return found


def section(version: str, date: datetime.date, changes: list[Change]) -> str:
    """The changelog's section for a release."""
    items = []
    for change in changes:
        first, *rest = change.text.splitlines()
        items.append("\n".join([f"- {first}", *(f"  {line}" if line else "" for line in rest)]))
    return f"## {version} ({date.isoformat()})\n\n" + "\n".join(items) + "\n"


def text(before: str, version: str, date: datetime.date, changes: list[Change]) -> str:
    """CHANGELOG.md with the section put in.

    Raises KopfkitError if there is nothing to say, or the release has a section already.
    """
    if f"\n## {version} (" in before:
        if changes:
            raise KopfkitError(
                FILE,
                f"has a section {version}, and there are new fragments",
                "Release them under a version of their own.",
            )
        return before
    if not changes:
        raise KopfkitError(
            DIRECTORY,
            f"has no fragment, so {version} would change nothing for anybody",
            f"Say in {DIRECTORY}/<subject>.md what is new.",
        )
    head, mark, rest = (before or _HEAD).partition("\n## ")
    return f"{head.rstrip()}\n\n{section(version, date, changes)}{mark}{rest}"


def of(before: str, version: str) -> str:
    """The body of a release's section; "" if it has none."""
    _, found, rest = before.partition(f"\n## {version} (")
    return rest.partition("\n")[2].partition("\n## ")[0].strip() if found else ""
