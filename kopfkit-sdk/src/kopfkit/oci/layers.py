"""Layers: directories packed so that the same files give the same bytes on any machine.

A tar file tells more than its files' contents: order, owners, times, modes that depend on the
umask. All of it is set here. What is left to the machine is zlib, whose output is the same in all
releases of the original library.
"""

import gzip
import hashlib
import io
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

# Bytes read at once.
_CHUNK = 1 << 20
# Everybody writes here, also where the base has them and a layer only passes through.
_SHARED = frozenset({"tmp", "var/tmp"})


@dataclass(frozen=True)
class Placed:
    """A file or directory of this machine, and the absolute path that it gets in the image.

    Attributes:
        source: on this machine.
        destination: in the image.
        owner: user and group, as numbers.
        exact: keep the modes as they are, where a program made them and checks them.
    """

    source: Path
    destination: str
    owner: tuple[int, int] = (0, 0)
    exact: bool = False


@dataclass(frozen=True)
class Packed:
    """A packed layer.

    Attributes:
        path: the compressed file.
        digest: of that file, as sha256:...; the registry's name of the blob.
        diff_id: of what is in it, uncompressed; the configuration's name of the layer.
        size: of the compressed file, in bytes.
    """

    path: Path
    digest: str
    diff_id: str
    size: int


class _Hashing(io.RawIOBase):
    """Passes on what is written, and counts and hashes it."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self._hash.update(view)
        self.size += view.nbytes
        self._sink.write(view)
        return view.nbytes

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def pack(placed: Iterable[Placed], *, epoch: int, directory: Path) -> Packed:
    """Pack files into one layer; everybody may read them, and a program is what somebody may run.

    Args:
        placed: what goes where; a later one replaces an earlier one's file of the same path.
        epoch: modification time of everything, in seconds since 1970.
        directory: where the packed file is written, under a name of its own.

    Raises OSError as the file system gives it.
    """
    entries: dict[str, tuple[Path | None, Placed]] = {}
    for one in placed:
        entries.update((path, (source, one)) for path, source in _walk(one))
    handle, name = tempfile.mkstemp(prefix=".layer-", dir=directory)
    with os.fdopen(handle, "wb") as file:
        outer = _Hashing(file)
        # No name and no time in gzip's header.
        with gzip.GzipFile("", "wb", 6, outer, mtime=0) as compressed:
            inner = _Hashing(compressed)  # type: ignore[arg-type]
            with tarfile.open(fileobj=inner, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                for path in sorted(entries):
                    _add(tar, path, *entries[path], epoch)
    return Packed(Path(name), outer.digest, inner.digest, outer.size)


def _walk(one: Placed) -> Iterator[tuple[str, Path | None]]:
    """Path in the image -> its source, the directories above it (without a source) included."""
    top = one.destination.strip("/")
    for parent in reversed(PurePosixPath(top).parents):
        if str(parent) != ".":
            yield str(parent), None
    if top:
        yield top, one.source
    if one.source.is_dir() and not one.source.is_symlink():
        for directory, names, files in os.walk(one.source):
            base = Path(directory)
            for name in (*names, *files):
                below = (base / name).relative_to(one.source).as_posix()
                yield (f"{top}/{below}" if top else below), base / name


def _add(tar: tarfile.TarFile, path: str, source: Path | None, placed: Placed, epoch: int) -> None:
    info = tarfile.TarInfo(path)
    info.mtime = epoch
    if source is not None:
        info.uid, info.gid = placed.owner
    status = source.lstat() if source is not None else None
    if source is None or status is None or stat.S_ISDIR(status.st_mode):
        info.type = tarfile.DIRTYPE
        sticky = path in _SHARED or (status is not None and status.st_mode & stat.S_ISVTX)
        info.mode = 0o1777 if sticky else 0o755
        if placed.exact and status is not None:
            info.mode = stat.S_IMODE(status.st_mode)
        tar.addfile(info)
    elif stat.S_ISLNK(status.st_mode):
        info.type = tarfile.SYMTYPE
        info.mode = 0o777
        info.linkname = os.readlink(source)
        tar.addfile(info)
    elif stat.S_ISREG(status.st_mode):
        info.mode = 0o755 if status.st_mode & 0o111 else 0o644
        if placed.exact:
            info.mode = stat.S_IMODE(status.st_mode)
        info.size = status.st_size
        with source.open("rb") as content:
            tar.addfile(info, content)


def digest(path: Path) -> str:
    """The digest of a file, as sha256:..."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            found.update(data)
    return f"sha256:{found.hexdigest()}"
