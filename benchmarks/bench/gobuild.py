"""Builds the controller-runtime peer into kopfkit's cache, named by all that goes into it."""

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


def operator(source: Path, progress: Progress) -> Path:
    """The executable, built first if it is not in the cache.

    Args:
        source: the directory with go.mod, go.sum and the Go files.
        progress: shows the build, which takes minutes the first time.

    Raises:
        KopfkitError: there is no Go, a module cannot be downloaded, or it does not compile.
    """
    store = paths.cache_dir() / "benchmarks"
    target = store / f"go-{_key(source)}" / "operator"
    if target.exists():
        return target
    go = golang.ensure(NEEDED, progress)
    with (
        progress.step("Building the controller-runtime peer") as step,
        files.locked(store / ".lock", lambda: step.note("waiting for another build")),
        tempfile.TemporaryDirectory(prefix=".building-", dir=store) as scratch,
    ):
        if target.exists():
            return target
        out = Path(scratch) / "operator"
        try:
            process.run(
                [go, "build", "-v", "-trimpath", "-o", out, "."],
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
    for path in sorted([source / "go.mod", source / "go.sum", *source.glob("*.go")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
