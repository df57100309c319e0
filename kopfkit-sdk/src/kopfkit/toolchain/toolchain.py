"""Gives the path of a tool: from PATH if its version fits, else from KUBEBUILDER_ASSETS, else
built from the pinned Go module and kept in the cache. `build` does the building."""

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import paths, process
from kopfkit.host.progress import Progress
from kopfkit.toolchain import build, golang, gomod
from kopfkit.toolchain.binaries import BINARIES, Binary, binary

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?[-+.\w]*")


@dataclass(frozen=True)
class Choice:
    """Where a tool is taken from.

    Attributes:
        name: the tool.
        version: what it says its version is, or the pinned one.
        origin: "PATH", "KUBEBUILDER_ASSETS", "cache" or "to be built".
        path: the executable; for "to be built" where it will be.
        why: the reason, as a clause.
    """

    name: str
    version: str
    origin: str
    path: Path
    why: str


def tool(name: str, progress: Progress | None = None) -> Path:
    """The executable `name`, built first if it has to be. Raises KopfkitError if it cannot be."""
    return ensure([name], progress)[name]


def ensure(names: Iterable[str], progress: Progress | None = None) -> dict[str, Path]:
    """The executables `names`; those that must be built are built with one call per group."""
    choices = [choose(name) for name in names]
    missing = [choice.name for choice in choices if choice.origin == "to be built"]
    if missing:
        build.build([binary(name) for name in missing], progress or Progress())
        choose.cache_clear()
    return {choice.name: choice.path for choice in choices}


def pinned(name: str, progress: Progress | None = None) -> Path:
    """The pinned build of `name`, whatever PATH has: for what goes into images."""
    return ensure_pinned([name], progress)[name]


def ensure_pinned(names: Iterable[str], progress: Progress | None = None) -> dict[str, Path]:
    """The pinned builds of `names`; those of one group are built with one call."""
    wanted = {name: binary(name) for name in names}
    missing = [b for b in wanted.values() if not build.destination(b).exists()]
    if missing:
        build.build(missing, progress or Progress())
        choose.cache_clear()
    return {name: build.destination(b) for name, b in wanted.items()}


def version(name: str) -> str:
    """The pinned version of the tool `name`, such as "v1.34.4"."""
    return binary(name).version


@functools.cache
def choose(name: str) -> Choice:
    """Where the tool `name` is taken from, and why. Builds nothing."""
    wanted = binary(name)
    refusals: list[str] = []
    if wanted.skew is not None:
        for origin, found in _candidates(name):
            told = probe(wanted, found)
            if told and _fits(wanted, told):
                why = "; ".join([*refusals, f"{origin} has a version that fits"])
                return Choice(name, told, origin, found, why)
            refusals.append(_refusal(wanted, origin, told))
    else:
        refusals.append("only the pinned build will do")
    built = build.destination(wanted)
    origin = "cache" if built.exists() else "to be built"
    why = "; ".join(refusals) or "not on PATH"
    return Choice(name, wanted.version, origin, built, why)


def everything() -> list[Choice]:
    """The choice for each tool of the table."""
    return [choose(name) for name in BINARIES]


def module_dir(module: str, progress: Progress | None = None) -> Path:
    """The directory with the files of the pinned Go module `module`, downloaded if need be.

    The module must be one that a tool of the table is built from ("sigs.k8s.io/kind"); its hash is
    checked against go.sum. Raises KopfkitError if it is none, or cannot be downloaded.
    """
    groups = {b.group for b in BINARIES.values()}
    owners = [
        g
        for g in map(gomod.group, sorted(groups))
        if any(b.group == g.name and b.module == module for b in BINARIES.values())
    ]
    if not owners:
        raise KopfkitError(f"Go module {module}", "is not one that a tool is built from")
    owner = owners[0]
    progress = progress or Progress()
    go = golang.ensure(owner.go, progress)
    env = golang.environment(paths.cache_dir())
    try:
        told = process.run([go, "mod", "download", "-json", module], cwd=owner.directory, env=env)
    except process.CommandFailed as error:
        raise build.explain(owner.name, error.output) from error
    return Path(json.loads(told)["Dir"])


def probe(wanted: Binary, path: Path) -> str | None:
    """The version that the executable at `path` prints; None if it does not run or prints none."""
    try:
        done = subprocess.run(
            [path, *wanted.version_args],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout) if done.returncode == 0 else None
    return match[0] if match else None


def _candidates(name: str) -> Iterable[tuple[str, Path]]:
    on_path = shutil.which(name)
    if on_path:
        yield "PATH", Path(on_path)
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and os.access(Path(assets) / name, os.X_OK):
        yield "KUBEBUILDER_ASSETS", Path(assets) / name


def _fits(wanted: Binary, told: str) -> bool:
    theirs, ours = _VERSION.search(told), _VERSION.search(wanted.version)
    assert theirs is not None
    assert ours is not None
    near = abs(int(theirs[2]) - int(ours[2])) <= (wanted.skew or 0)
    return theirs[1] == ours[1] and near


def _refusal(wanted: Binary, origin: str, told: str | None) -> str:
    if told is None:
        return f"{origin} has one that does not tell its version"
    within = f"within {wanted.skew} minor of" if wanted.skew else "the minor version of"
    return f"{origin} has {told}, which is not {within} {wanted.version}"
