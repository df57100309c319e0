"""The only part of packaging that touches the disk.

A generated tree replaces the old one as a whole: the new one is built beside it and the two are
exchanged, so that whoever reads meanwhile, or an interruption, sees the old or the new one. Files
that a person put into the tree stay; files that an earlier run generated and this one does not are
dropped. Which is which the first line of a file says (`packaging.headers`).
"""

import contextlib
import ctypes
import difflib
import errno
import fcntl
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.packaging.headers import is_generated

AT_FDCWD = -100
RENAME_EXCHANGE = 2  # linux/fs.h


@dataclass(frozen=True)
class Output:
    """What a generator wants at one place.

    Args:
        path: a directory or a single file.
        files: texts by path below `path`; for a single file, the one key "".
    """

    path: Path
    files: Mapping[str, str]

    @property
    def is_file(self) -> bool:
        """Whether it is a single file."""
        return set(self.files) == {""}


def _read(path: Path) -> str | None:
    """The text of a file, None where there is none; KopfkitError if it is no text."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        raise KopfkitError(str(path), f"cannot be read ({error.strerror})") from None


def _existing(output: Output) -> dict[str, str]:
    """The files that are at the output's place now."""
    if output.is_file:
        text = _read(output.path)
        return {} if text is None else {"": text}
    if output.path.exists() and not output.path.is_dir():
        raise KopfkitError(str(output.path), "is not a directory", "Move it out of the way.")
    found = {}
    for path in sorted(output.path.rglob("*")):
        if path.is_file() or path.is_symlink():
            # A link to a directory, or to nothing, has no text, and was not generated.
            text = _read(path) if path.is_file() else None
            found[path.relative_to(output.path).as_posix()] = text or ""
    return found


def _stale(output: Output, existing: Mapping[str, str]) -> list[str]:
    return [name for name in existing if name not in output.files and is_generated(existing[name])]


def changed(output: Output) -> bool:
    """Whether writing would change anything."""
    existing = _existing(output)
    different = any(existing.get(name) != text for name, text in output.files.items())
    return different or bool(_stale(output, existing))


def diff(output: Output, base: Path) -> str:
    """What writing would change, as a unified diff with paths below `base`; "" for nothing."""
    existing = _existing(output)
    parts: list[str] = []
    for name in sorted({*output.files, *_stale(output, existing)}):
        path = output.path / name if name else output.path
        shown = path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)
        parts.append(unified(shown, existing.get(name), output.files.get(name)))
    return "\n".join(filter(None, parts))


def preview(outputs: Iterable[Output], base: Path, *, overwrite: bool = False) -> str:
    """What `write` would change, as a unified diff that `git apply` takes; "" for nothing.

    Args:
        base: directory that the paths are shown below.
        overwrite: as for `write`.

    Raises:
        KopfkitError: `write` would refuse.
    """
    outputs = list(outputs)
    if not overwrite:
        _refuse_foreign(outputs)
    return "\n".join(text for output in outputs if (text := diff(output, base)))


def unified(shown: str, old: str | None, new: str | None) -> str:
    """A unified diff of one file, None where there is none; "" for no change."""
    if old == new:
        return ""
    # git asks for a head of its own where a file comes or goes.
    lines = []
    if old is None or new is None:
        state = "new" if old is None else "deleted"
        lines = [f"diff --git a/{shown} b/{shown}", f"{state} file mode 100644"]
    for line in difflib.unified_diff(
        _lines(old or ""),
        _lines(new or ""),
        "/dev/null" if old is None else f"a/{shown}",
        "/dev/null" if new is None else f"b/{shown}",
    ):
        ended = line.endswith("\n")
        lines.append(line.removesuffix("\n"))
        if not ended:
            lines.append("\\ No newline at end of file")
    return "\n".join(lines)


def _lines(text: str) -> list[str]:
    """Lines with their ends; str.splitlines knows more of these than git."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _refuse_foreign(outputs: list[Output]) -> None:
    foreign = [
        str(output.path / name if name else output.path)
        for output in outputs
        for name, text in _existing(output).items()
        if name in output.files and not is_generated(text) and text != output.files[name]
    ]
    if foreign:
        raise KopfkitError(
            ", ".join(foreign),
            "would be overwritten but was not generated by kopfkit (its first line says so)",
            "Move it away, or pass --overwrite.",
        )


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that end the process wait until the block is through."""
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _exchange(one: Path, other: Path) -> None:
    """Exchange two existing paths, in one step where the file system can."""
    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    if rename is not None:
        arguments = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
        if rename(*arguments) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise OSError(code, os.strerror(code), str(one))
    # Not Linux, or a file system without it: there is no directory for an instant.
    aside = other.with_name(f"{other.name}.aside")
    other.rename(aside)
    try:
        one.rename(other)
    except OSError:
        aside.rename(other)
        raise
    aside.rename(one)


def _stage(output: Output, directory: Path) -> Path:
    """The new state of an output, complete, inside `directory`."""
    staged = directory / "new"
    if output.is_file:
        staged.write_bytes(output.files[""].encode())
        if output.path.exists():
            shutil.copymode(output.path, staged)
        return staged
    existing = _existing(output)
    staged.mkdir()
    kept = [name for name in existing if name not in output.files]
    for name in kept:
        if name in _stale(output, existing):
            continue
        target = staged / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(output.path / name, target, follow_symlinks=False)
    for name, text in output.files.items():
        target = staged / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
    return staged


@contextlib.contextmanager
def _locked(parent: Path) -> Iterator[None]:
    """One writer at a time below `parent`; what a killed one left is removed."""
    parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left in parent.glob(".kopfkit-write-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def write(outputs: list[Output], *, overwrite: bool = False) -> list[Path]:
    """Bring every output to the disk, all or none; returns the places that changed.

    Args:
        outputs: places below one common directory, none inside another.
        overwrite: also replace files that bear a generated file's name and were not generated.

    Raises:
        KopfkitError: a file would be replaced that was not generated; or the disk refuses.
    """
    if not overwrite:
        _refuse_foreign(outputs)
    named = [output for output in outputs if changed(output)]
    if not named:
        return []
    # A link to a tree elsewhere stays one: it is that tree which is exchanged.
    todo = [replace(output, path=output.path.resolve()) for output in named]
    parents = {output.path.parent for output in todo}
    try:
        with contextlib.ExitStack() as stack:
            for parent in sorted(parents):
                stack.enter_context(_locked(parent))
            pairs = []
            for output in todo:
                # Beside its target: a rename does not cross file systems.
                scratch = tempfile.mkdtemp(prefix=".kopfkit-write-", dir=output.path.parent)
                stack.callback(shutil.rmtree, scratch, ignore_errors=True)
                pairs.append((_stage(output, Path(scratch)), output.path))
            with _undisturbed():
                _put(pairs)
    except OSError as error:
        place = error.filename or ", ".join(str(output.path) for output in todo)
        raise KopfkitError(
            str(place), f"cannot be written ({error.strerror})", "Nothing was changed."
        ) from None
    return [output.path for output in named]


def _put(pairs: list[tuple[Path, Path]]) -> None:
    """Each staged path to its place; if one fails, those before it go back."""
    done: list[tuple[Path, Path, bool]] = []
    try:
        for staged, place in pairs:
            present = place.exists()
            if present:
                _exchange(staged, place)
            else:
                staged.rename(place)
            done.append((staged, place, present))
    except OSError:
        for staged, place, present in reversed(done):
            if present:
                _exchange(staged, place)
            else:
                place.rename(staged)
        raise
