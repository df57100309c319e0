"""Fill an empty volume from a copy (`helloworld-operator restore`).

A volume that has data is left as it is, so running it again is harmless. The new file is written
beside its place, checked, synced, and renamed: after a kill at any point the volume is empty or
complete, never half full.
"""

import os
from pathlib import Path

from helloworld_operator.copies import archive
from helloworld_operator.operand.guestbook import FILE, inspect
from kopfkit.errors import KopfkitError
from kopfkit.termination import Hopeless


def restore(source: Path, directory: Path, *, sha256: str = "") -> tuple[archive.Description, bool]:
    """Have the copy of `source` in `directory`, if there is no guest book in that.

    Args:
        source: the volume of the copy; only read.
        directory: the volume to fill.
        sha256: what the copy's checksum must be, in hexadecimal; "" for what its description says.

    Returns:
        What the copy holds, and whether it was written (False: there was data).

    Raises:
        Hopeless: there is no complete copy, it is another or damaged, or there is no room.
    """
    known = archive.read(source)
    if known is None:
        raise Hopeless(str(source), "has no complete copy", "take another snapshot.")
    if sha256 and known.sha256 != sha256:
        raise Hopeless(
            str(source),
            f"has another copy: SHA-256 {known.sha256}, and {sha256} is wanted",
            "take another snapshot.",
        )
    place = directory / FILE
    # An empty file is what SQLite leaves when it was killed before its first write.
    if place.exists() and place.stat().st_size:
        return known, False
    _fill(source / FILE, place, known)
    return known, True


def _fill(source: Path, place: Path, known: archive.Description) -> None:
    partial = place.with_name(place.name + archive.PARTIAL)
    try:
        with source.open("rb") as reader, partial.open("wb") as writer:
            found, _ = archive.pour(reader, writer)
        if found != known.sha256:
            raise archive.mismatch(source, known.sha256, found)
        inspect(partial)
        # A journal without its file would be played back into the restored one.
        place.with_name(place.name + "-journal").unlink(missing_ok=True)
        os.replace(partial, place)
        archive.settle(place.parent)
    except OSError as error:
        raise Hopeless(
            str(place.parent),
            f"cannot be filled: {error.strerror or error} ({known.bytes} bytes are needed)",
            "make the volume at least as large as the snapshot (spec.persistence.size).",
        ) from error
    except KopfkitError as error:
        partial.unlink(missing_ok=True)
        raise Hopeless(error.what, error.why, error.hint) from error
