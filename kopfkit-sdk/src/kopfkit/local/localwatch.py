"""`kopfkit run local --watch`: which saved files start an operator again, and what follows from
its description after they have changed.

A file counts as changed where its content has: an editor writes others beside it, and a burst of
saves is one change.
"""

import hashlib
import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kopfkit.local.localchildren import Child, Output
from kopfkit.local.localoperator import Operator

# Seconds between two looks at the processes, with files that are watched or without.
LOOK = 0.1
# Milliseconds without another save after which a burst is over, and those that it may last.
_QUIET = 50
_BURST = 1000
# Directories whose files no process reads as its sources, beside hidden ones.
_GENERATED = {"__pycache__", "node_modules"}


class DescriptionChanged(Exception):
    """What the processes are started by has changed: the run begins anew."""


class Sources:
    """Files that are watched.

    Args:
        packages: directories; of an operator that of its package, or its module.
        others: files beside them.
    """

    def __init__(self, packages: list[Path], others: list[Path]) -> None:
        self.packages = packages
        self.others = others
        self._known = self._digests()
        self._stamps = self._read_stamps()

    @classmethod
    def of(cls, operator: Operator) -> "Sources":
        """The operator's package, which its description was imported from, and its CRD files."""
        module = sys.modules[operator.module]
        places = list(getattr(module, "__path__", ())) or [module.__file__ or ""]
        files = [each.file.path for each in operator.project.resources if each.file is not None]
        return cls([Path(place) for place in places], files)

    def saves(self) -> Iterator[list[Path]]:
        """Every tenth of a second the files that were saved since, mostly none.

        Raises:
            KeyboardInterrupt: the process is told to end.
        """
        from watchfiles import watch

        everything = watch(
            *self.packages,
            debounce=_BURST,
            step=_QUIET,
            rust_timeout=int(LOOK * 1000),
            yield_on_timeout=True,
        )
        begun = False
        for events in everything:
            # A file that an editor exchanges is another one, which is not watched.
            before, self._stamps = self._stamps, self._read_stamps()
            # What was saved before the watch began has no event.
            look = events or before != self._stamps or not begun
            begun = True
            yield self._changed() if look else []

    def _read_stamps(self) -> list[int]:
        return [_stamp(path) for path in self.others]

    def _changed(self) -> list[Path]:
        found = self._digests()
        changed = {path for path, _ in found.items() ^ self._known.items()}
        self._known = found
        return sorted(changed)

    def _digests(self) -> dict[Path, bytes]:
        found = {}
        for path in (each for root in [*self.packages, *self.others] for each in _files(root)):
            try:
                with path.open("rb") as file:
                    found[path] = hashlib.file_digest(file, "sha256").digest()
            except OSError:
                continue  # it was deleted meanwhile
        return found


def never() -> Iterator[list[Path]]:
    """What `Sources.saves` gives where nothing is watched."""
    while True:
        time.sleep(LOOK)
        yield []


def broken(saved: list[Path]) -> str:
    """The first syntax error in saved Python files as file, line and reason; "" without one."""
    for path in saved:
        if path.suffix == ".py" and path.is_file():
            try:
                compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
            except OSError:
                continue  # it was deleted meanwhile
            except SyntaxError as error:
                return f"{path}:{error.lineno}: {type(error).__name__}: {error.msg}"
            except ValueError as error:  # a NUL
                return f"{path}: {error}"
    return ""


@dataclass
class Generation:
    """The kustomize tree of the description as it is in the files, made by a process of its own:
    this one has imported what was there when it started.

    Args:
        directory: of the run.
        image: of the operator in it; None is the newest release's.
    """

    directory: Path
    image: str | None = None
    _child: Child | None = None
    _digest: bytes = b""

    @property
    def tree(self) -> Path:
        """Where it is written."""
        return self.directory / "config"

    def begin(self) -> None:
        """Start it."""
        program = "from kopfkit.cli import main; main()"
        words = ["manifests", f"--output={self.tree}", "--overwrite"]
        if self.image is not None:
            words.append(f"--img={self.image}")
        self._child = Child(
            "generating",
            [sys.executable, "-c", program, *words],
            env={},
            directory=self.directory,
            output=Output(io.StringIO()),
        )

    @property
    def first(self) -> bool:
        """Whether there was none before that is to be compared with."""
        return not self._digest

    def cancel(self) -> None:
        """Give up the one that runs; what comes after it counts as another one."""
        if self._child is not None:
            self._child.signal(signal.SIGKILL)
            self._child.status()
            self._child, self._digest = None, self._digest or b"unknown"

    def over(self) -> bool:
        """Whether it is over, said once."""
        return self._child is not None and not self._child.running()

    def changed(self) -> bool:
        """Whether the tree is another one than the last time, once it is over.

        Raises:
            KopfkitError: the description cannot be read.
        """
        child, self._child = self._child, None
        assert child is not None
        if child.status():
            raise child.death()
        digest, before = hashlib.sha256(), self._digest
        for path in sorted(_files(self.tree)):
            digest.update(str(path).encode() + path.read_bytes())
        self._digest = digest.digest()
        return self._digest != before

    def crds(self) -> list[Path]:
        """The files of the CRDs."""
        return sorted((self.tree / "crd" / "bases").glob("*.yaml"))


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    # os.walk passes over a directory that is deleted meanwhile, as git does between two branches.
    for directory, inner, names in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith(".") and name not in _GENERATED]
        for name in names:
            path = Path(directory, name)
            kept = not name.startswith(".") and not name.endswith(("~", ".pyc"))
            if kept and path.is_file():
                yield path
