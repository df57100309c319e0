"""Three-way merges of rendered templates into the files of a project.

Of each file there are three texts: as the templates made it, as they make it now, and as it is.
Where nobody changed it, it becomes what they make now; else git merges, offline and without a
branch, and marks what it cannot decide.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.packaging.writer import Output, preview, unified, write
from kopfkit.project import Faults
from kopfkit.scaffold.rendering import Files


@dataclass
class Plan:
    """Changes of the files of a project.

    Attributes:
        files: new texts by path.
        gone: paths of files to delete.
        conflicts: paths of files with conflict markers.
        left: (path, why) of files that somebody has to look at, and that stay as they are.
    """

    files: Files = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)

    def diff(self, root: Path) -> str:
        """The changes as a unified diff; "" for none."""
        made = [Output(root / path, {"": text}) for path, text in self.files.items()]
        gone = [unified(path, _text(root / path), None) for path in self.gone]
        return "\n".join(filter(None, [preview(made, root, overwrite=True), *gone]))

    def carry_out(self, root: Path) -> None:
        """Change the files, all or none.

        Raises:
            KopfkitError: the disk refuses.
        """
        write(outputs(root, self.files), overwrite=True)
        for path in self.gone:
            (root / path).unlink(missing_ok=True)
            for parent in (root / path).parents:
                if parent == root or any(parent.iterdir()):
                    break
                parent.rmdir()


def outputs(root: Path, files: Mapping[str, str]) -> list[Output]:
    """The files as outputs that are written together: a new folder comes as a whole."""
    folders: dict[str, dict[str, str]] = {}
    found = []
    for path, text in files.items():
        top, _, rest = path.partition("/")
        if rest and not (root / top).exists():
            folders.setdefault(top, {})[rest] = text
        else:
            found.append(Output(root / path, {"": text}))
    return [*found, *(Output(root / top, inner) for top, inner in folders.items())]


def plan(root: Path, old: Files, new: Files, *, without: frozenset[str] = frozenset()) -> Plan:
    """Merge what has changed between two renderings into the files of a project.

    Args:
        root: of the project.
        old: as the templates made it.
        new: as they make it now.
        without: paths of files that the project does without.

    Raises:
        KopfkitError: a file of the project was deleted, one that is new is there already, or one is
            a link out of the project.
    """
    made, faults = Plan(), Faults(str(root))
    for path in sorted({*old, *new} - without):
        if not (root / path).resolve().is_relative_to(root.resolve()):
            faults.add(path, "is a link to something outside of the project")
            continue
        before, after, now = old.get(path), new.get(path), _text(root / path)
        if before == after or now == after:
            continue
        if before is None:
            faults.require(now is None, path, "is there already, and would be written")
            made.files[path] = after or ""
        elif now is None:
            if after is not None:
                faults.add(path, "was deleted, and its template has changed")
        elif after is None:
            if now == before:
                made.gone.append(path)
            else:
                made.left.append((path, "has no template any more; you changed it, so it stays"))
        else:
            text, conflict = (after, False) if now == before else merge(now, before, after)
            made.files[path] = text
            if conflict:
                made.conflicts.append(path)
    faults.raise_if_any(
        "Move it away, or restore it (git checkout -- FILE); to do without a file for good, list "
        'it in pyproject.toml: [tool.kopfkit] without = ["FILE"].'
    )
    return made


def merge(ours: str, old: str, new: str) -> tuple[str, bool]:
    """A text with the changes between two others; and whether some are marked as conflicts.

    Raises:
        KopfkitError: git is not there, or fails.
    """
    git = shutil.which("git")
    if git is None:
        raise KopfkitError("git", "was not found; it merges your edits", "Install it.")
    with tempfile.TemporaryDirectory(prefix="kopfkit-merge-") as place:
        texts = {"yours": ours, "old template": old, "new template": new}
        for name, text in texts.items():
            (Path(place) / name).write_bytes(text.encode())
        labels = [word for name in texts for word in ("-L", name)]
        done = subprocess.run(
            [git, "merge-file", "--stdout", "--diff3", *labels, *texts],
            cwd=place,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
            capture_output=True,
            check=False,
        )
    # The exit code is the number of conflicts, at most 127; beyond that, an error.
    if done.returncode < 0 or done.returncode > 127:
        raise KopfkitError("git merge-file", done.stderr.decode(errors="replace").strip())
    return done.stdout.decode(), done.returncode > 0


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise KopfkitError(str(path), f"cannot be read ({error})") from None
