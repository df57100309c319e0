"""Builds the peers in Go and Rust into kopfkit's cache, named by all that goes into them."""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import files, paths, process
from kopfkit.host.progress import Progress
from kopfkit.toolchain import build, golang

# The Go release that go.mod asks for.
NEEDED = (1, 26)
# Name of each executable and its package below the directory with go.mod.
_PACKAGES = {"operator": ".", "webhook": "./webhook"}
_SOURCES = {".go", ".lock", ".mod", ".rs", ".sum", ".toml"}
# What the compiler is told, what it makes, and its environment, in a directory of its own.
_Plan = Callable[[Path], tuple[list[str | Path], Path, Mapping[str, str]]]


def go(name: str, source: Path, progress: Progress) -> Path:
    """An executable on controller-runtime, built first if it is not in the cache.

    Args:
        name: "operator" or "webhook".
        source: the directory with go.mod, go.sum and the Go files.
        progress: shows the build, which takes minutes the first time.

    Raises:
        KopfkitError: there is no Go, a module cannot be downloaded, or it does not compile.
    """

    def plan(scratch: Path) -> tuple[list[str | Path], Path, Mapping[str, str]]:
        made = scratch / name
        tool = golang.ensure(NEEDED, progress)
        command: list[str | Path] = [tool, "build", "-v", "-trimpath", "-o", made, _PACKAGES[name]]
        return command, made, golang.environment(scratch)

    return _built(f"go-{_key(source)}", name, source, progress, plan)


def rust(source: Path, progress: Progress) -> Path:
    """The operator on kube-rs, built first if it is not in the cache.

    Args:
        source: the directory with Cargo.toml, Cargo.lock and the Rust files.
        progress: as for `go`.

    Raises:
        KopfkitError: there is no cargo, a crate cannot be downloaded, or it does not compile.
    """

    def plan(scratch: Path) -> tuple[list[str | Path], Path, Mapping[str, str]]:
        if (cargo := shutil.which("cargo")) is None:
            raise KopfkitError("cargo", "is not on PATH", "Install Rust 1.89 or newer.")
        command: list[str | Path] = [cargo, "build", "--release", "--locked", "--target-dir"]
        made = scratch / "release" / "helloworld-operator"
        return [*command, scratch], made, os.environ

    return _built(f"rs-{_key(source)}", "operator", source, progress, plan)


def _built(directory: str, name: str, source: Path, progress: Progress, plan: _Plan) -> Path:
    store = paths.cache_dir() / "benchmarks"
    target = store / directory / name
    if target.exists():
        return target
    with (
        progress.step(f"Building a peer of benchmarks/{source.name} ({name})") as step,
        files.locked(store / ".lock", lambda: step.note("waiting for another build")),
        tempfile.TemporaryDirectory(prefix=".building-", dir=store) as scratch,
    ):
        if target.exists():
            return target
        command, made, environment = plan(Path(scratch))
        try:
            process.run(command, cwd=source, env=environment, on_line=step.glance)
        except process.CommandFailed as error:
            raise build.explain(f"benchmarks/{source.name}", error.output) from error
        target.parent.mkdir(exist_ok=True)
        os.replace(made, target)
    return target


def _key(source: Path) -> str:
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()}".encode())
    for path in sorted(path for path in source.rglob("*") if path.suffix in _SOURCES):
        name = path.relative_to(source).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
