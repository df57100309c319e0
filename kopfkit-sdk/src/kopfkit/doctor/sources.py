"""The files of a project, found and read within bounds: a project may be anything.

Left out are hidden directories, environments, caches and what builds leave behind. Links are not
followed, so that no cycle and nothing outside is read.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kopfkit.yamls import ENDINGS

# Files looked at and bytes of one: beyond, it is data and not an operator.
MOST: Final = 5000
LARGEST: Final = 2 << 20
_SKIPPED: Final = {"__pycache__", "build", "dist", "env", "node_modules", "site-packages", "venv"}
_LOCKS: Final = {"Pipfile.lock", "pdm.lock", "poetry.lock", "requirements.lock", "uv.lock"}


@dataclass
class Sources:
    """The files of a project by what they are, as paths relative to it.

    Attributes:
        notes: what was not read, and why.
    """

    root: Path
    python: list[Path] = field(default_factory=list)
    manifests: list[Path] = field(default_factory=list)
    dockerfiles: list[Path] = field(default_factory=list)
    requirements: list[Path] = field(default_factory=list)
    locks: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self, path: Path) -> str | None:
        """A file's text; None, with a note, where it has none."""
        try:
            with (self.root / path).open("rb") as file:
                raw = file.read(LARGEST + 1)
            if len(raw) > LARGEST:
                self.notes.append(f"{path} was not read: it is larger than {LARGEST >> 20} MiB")
            elif b"\0" in raw:
                self.notes.append(f"{path} was not read: it is no text")
            else:
                return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            self.notes.append(f"{path} was not read: it is not UTF-8")
        except OSError as error:
            self.notes.append(f"{path} was not read: {error.strerror}")
        return None


def find(root: Path) -> Sources:
    """The files below a directory."""
    found = Sources(root)
    for number, path in enumerate(_files(root)):
        if number == MOST:
            found.notes.append(f"only the first {MOST} files were looked at")
            break
        name = path.name
        if path.suffix == ".py":
            found.python.append(path)
        elif name in _LOCKS or (name.startswith("pylock") and name.endswith(".toml")):
            found.locks.append(path)
        elif name.startswith("Dockerfile") or name.endswith((".Dockerfile", "Containerfile")):
            # Those of a bundle and of a catalog start no operator.
            if name not in ("bundle.Dockerfile", "catalog.Dockerfile"):
                found.dockerfiles.append(path)
        elif path.suffix in (".txt", ".in") and "requirements" in str(path):
            found.requirements.append(path)
        elif path.suffix in ENDINGS:
            found.manifests.append(path)
    return found


def _files(root: Path) -> Iterator[Path]:
    for directory, names, files in os.walk(root):
        names[:] = sorted(
            each
            for each in names
            if each not in _SKIPPED
            and not each.startswith(".")
            and not _is_file(Path(directory, each, "pyvenv.cfg"))
        )
        here = Path(directory)
        for name in sorted(files):
            path = here / name
            if _is_file(path) and not path.is_symlink():
                yield path.relative_to(root)


def _is_file(path: Path) -> bool:
    """Whether it is a file that may be looked at: `Path.is_file` raises for a path that is too long
    or in a directory that is closed to us."""
    try:
        return path.is_file()
    except OSError:
        return False
