"""A scaffolded project on disk: the records in its pyproject.toml, and its repository."""

import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.project import Faults
from kopfkit.scaffold.answers import Answers, replay
from kopfkit.scaffold.naming import check_answers
from kopfkit.scaffold.rendering import Kit, numbers


@dataclass(frozen=True)
class Recorded:
    """The records of a project.

    Attributes:
        root: its directory.
        version: of the kopfkit that its files are of.
        answers: what its commands make.
        without: paths of files that it does without.
    """

    root: Path
    version: str
    answers: Answers
    without: frozenset[str]


def read(root: Path, kit: Kit) -> Recorded:
    """The project in a directory.

    Raises:
        KopfkitError: it is not a scaffolded project, its names cannot be, or it is one of a newer
            kopfkit.
    """
    path = root / "pyproject.toml"
    none = "Change into the folder of a project, or make one: kopfkit init."
    try:
        text = path.read_text("utf-8")
        table = tomllib.loads(text).get("tool", {}).get("kopfkit", {})
    except FileNotFoundError:
        raise KopfkitError(str(root), "is not a kopfkit project", none) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        hint = "Resolve the conflicts in it first." if "<<<<<<<" in _lenient(path) else ""
        raise KopfkitError(str(path), f"cannot be read ({error})", hint) from None
    commands, version = table.get("commands"), table.get("version")
    without = table.get("without", [])
    if not isinstance(commands, list) or not isinstance(version, str) or not numbers(version):
        raise KopfkitError(
            str(path),
            "has no [tool.kopfkit] version and commands, which kopfkit init records",
            none,
        )
    if numbers(version) > numbers(kit.version):
        raise KopfkitError(
            f"the project in {root}",
            f"is of kopfkit {version}, and this is kopfkit {kit.version}",
            f"Install it: pip install --upgrade 'kopfkit>={version}'.",
        )
    answers = replay([str(each) for each in commands])
    faults = Faults(f"{path}, [tool.kopfkit] commands")
    check_answers(faults, answers)
    faults.raise_if_any("Restore them from the repository; kopfkit writes them.")
    return Recorded(root, version, answers, frozenset(map(str, without)))


def require_committed(root: Path) -> None:
    """Refuse a project whose edits are not committed: a merge could not be taken back.

    Raises:
        KopfkitError: git is not there, the project is in no repository, or it has edits.
    """
    git = shutil.which("git")
    if git is None:
        raise KopfkitError("git", "was not found; it merges your edits", "Install it.")
    done = subprocess.run(
        [git, "status", "--porcelain", "--", "."],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise KopfkitError(
            str(root),
            "is in no git repository, so an update could not be taken back",
            "git init && git add --all && git commit --message 'Before the update'",
        )
    if done.stdout.strip():
        changed = "".join(f"\n  | {line}" for line in done.stdout.splitlines()[:10])
        raise KopfkitError(
            str(root),
            f"has edits that are not committed{changed}",
            "Commit or stash them, so that the update can be taken back.",
        )


def _lenient(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
