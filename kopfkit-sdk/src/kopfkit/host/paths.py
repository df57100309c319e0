"""Where kopfkit keeps what it makes: a cache that may be deleted at any time, and the state of
running clusters. Both live outside the checkout, so that a fresh clone finds what an older one
built, and removing a clone never orphans a running cluster."""

import os
import re
from pathlib import Path

from kopfkit.errors import KopfkitError

# A cluster's name becomes a directory, a container name and part of host names: an RFC 1123 label,
# kept short because kind appends "-control-plane" to it and a label may not pass 63 characters.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def cache_dir() -> Path:
    """The directory for built tools: $KOPFKIT_CACHE_DIR, else kopfkit in the XDG cache directory.

    Created if missing. Raises KopfkitError where it cannot be.
    """
    return _private(_base("KOPFKIT_CACHE_DIR", "XDG_CACHE_HOME", ".cache"), "KOPFKIT_CACHE_DIR")


def state_root() -> Path:
    """The directory that has one directory per cluster: $KOPFKIT_STATE_DIR, else XDG's."""
    return _private(
        _base("KOPFKIT_STATE_DIR", "XDG_STATE_HOME", ".local/state"), "KOPFKIT_STATE_DIR"
    )


def state_dir(name: str) -> Path:
    """The directory of the cluster `name` (an RFC 1123 label of at most 40 characters).

    The path only: it exists while the cluster does, and a command that merely looks makes nothing.
    Raises KopfkitError for a name that is not such a label.
    """
    if not _NAME.fullmatch(name):
        raise KopfkitError(
            f"cluster name {name!r}",
            "is not a lower-case label",
            "Use at most 40 of a-z, 0-9 and -, with a letter or digit at both ends.",
        )
    return state_root() / name


def _base(variable: str, xdg: str, fallback: str) -> Path:
    own = os.environ.get(variable)
    if own:
        return Path(own).expanduser().absolute()
    # The XDG base directory specification: a relative value is invalid and to be ignored.
    given = os.environ.get(xdg, "")
    base = Path(given) if os.path.isabs(given) else Path.home() / fallback
    return base / "kopfkit"


def _private(path: Path, variable: str) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KopfkitError(
            str(path),
            f"cannot be used ({error.strerror})",
            f"Set {variable} to a directory that you may write.",
        ) from error
    return path
