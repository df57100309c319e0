"""A copy on a volume: `guestbook.db`, and `snapshot.json` that says what is in it.

The description is written last, by an atomic rename: it is there exactly if the copy is complete
and on the disk. What a killed process leaves is overwritten by the next.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from helloworld_operator.operand.guestbook import FILE
from kopfkit.errors import KopfkitError

DESCRIPTION: Final = "snapshot.json"
# What is being written has a name that nobody reads; a leading dot, and a fixed one: at most one of
# them is ever left behind.
PARTIAL: Final = ".partial"
_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True)
class Description:
    """What a complete copy holds.

    Attributes:
        sha256: of the file, in hexadecimal.
        bytes: its size.
        entries: how many guest book entries it has.
        taken: when the copy was complete (RFC 3339, UTC).
    """

    sha256: str
    bytes: int
    entries: int
    taken: str


def read(directory: Path) -> Description | None:
    """The description of the copy in a directory, or None where there is no complete one.

    Raises:
        KopfkitError: there is one that cannot be understood.
    """
    path = directory / DESCRIPTION
    try:
        found = json.loads(path.read_bytes())
        return Description(
            sha256=_typed(found, "sha256", str),
            bytes=_typed(found, "bytes", int),
            entries=_typed(found, "entries", int),
            taken=_typed(found, "taken", str),
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise KopfkitError(
            str(path), f"cannot be understood ({error})", "take another snapshot."
        ) from error


def write(directory: Path, description: Description) -> None:
    """Declare the copy in a directory complete."""
    partial = directory / (DESCRIPTION + PARTIAL)
    with partial.open("w") as file:
        json.dump(asdict(description), file)
        durable(file.fileno())
    os.replace(partial, directory / DESCRIPTION)
    settle(directory)


def verify(directory: Path, description: Description) -> None:
    """Compare the copy in a directory with its description.

    Raises:
        KopfkitError: they do not agree.
    """
    path = directory / FILE
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise KopfkitError(str(path), "is missing", "take another snapshot.") from None
    if found != description.sha256:
        raise mismatch(path, description.sha256, found)


def mismatch(path: Path, wanted: str, found: str) -> KopfkitError:
    """The error for a file that has another checksum than it should have."""
    return KopfkitError(
        str(path),
        f"is damaged: its SHA-256 is {found}, and {wanted} was written",
        "take another snapshot.",
    )


def pour(source: Any, target: BinaryIO) -> tuple[str, int]:
    """Copy everything and sync it to the disk; SHA-256 in hexadecimal, and bytes.

    Args:
        source: anything with read(bytes).
    """
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        target.write(chunk)
        size += len(chunk)
    target.flush()
    durable(target.fileno())
    return digest.hexdigest(), size


def durable(descriptor: int) -> None:
    """Have a file on the disk."""
    os.fsync(descriptor)


def settle(directory: Path) -> None:
    """Have a directory's names on the disk, after a rename in it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _typed(found: Any, name: str, kind: type) -> Any:
    value = found[name]
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {value!r}")
    return value
