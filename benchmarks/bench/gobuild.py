"""Builds the controller-runtime peers into kopfkit's cache, named by all that goes into them."""

import hashlib
import os
import platform
import sys
import tempfile
from pathlib import Path

from kopfkit.cluster import build, files, golang, paths, process
from kopfkit.cluster.progress import Progress

# The Go release that go.mod asks for.
NEEDED = (1, 26)
# Name of each executable and its package below the directory with go.mod.
_PACKAGES = {"operator": ".", "webhook": "./webhook"}


def operator(source: Path, progress: Progress) -> Path:
    """The operator's executable, built first if it is not in the cache; see `webhook`."""
    return _build("operator", source, progress)


def webhook(source: Path, progress: Progress) -> Path:
    """The conversion webhook's executable, built first if it is not in the cache.

    Args:
        source: the directory with go.mod, go.sum and the Go files.
        progress: shows the build, which takes minutes the first time.

    Raises:
        KopfkitError: there is no Go, a module cannot be downloaded, or it does not compile.
    """
    return _build("webhook", source, progress)


def _build(name: str, source: Path, progress: Progress) -> Path:
    store = paths.cache_dir() / "benchmarks"
    target = store / f"go-{_key(source)}" / name
    if target.exists():
        return target
    go = golang.ensure(NEEDED, progress)
    with (
        progress.step(f"Building the controller-runtime peer ({name})") as step,
        files.locked(store / ".lock", lambda: step.note("waiting for another build")),
        tempfile.TemporaryDirectory(prefix=".building-", dir=store) as scratch,
    ):
        if target.exists():
            return target
        out = Path(scratch) / name
        try:
            process.run(
                [go, "build", "-v", "-trimpath", "-o", out, _PACKAGES[name]],
                cwd=source,
                env=golang.environment(Path(scratch)),
                on_line=step.glance,
            )
        except process.CommandFailed as error:
            raise build.explain("benchmarks/go", error.output) from error
        target.parent.mkdir(exist_ok=True)
        os.replace(out, target)
    return target


def _key(source: Path) -> str:
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()}".encode())
    for path in sorted([source / "go.mod", source / "go.sum", *source.rglob("*.go")]):
        name = path.relative_to(source).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
