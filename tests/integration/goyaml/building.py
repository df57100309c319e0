"""Builds the program that asks Go's YAML loader, into kopfkit's cache: seconds, once."""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from kopfkit.host import files, paths, process
from kopfkit.host.progress import Progress
from kopfkit.toolchain import build, golang, gomod

HERE = Path(__file__).parent / "program"


def ensure(progress: Progress) -> Path:
    """The executable, built first if it is not in the cache; go.sum has its modules' hashes.

    Raises:
        KopfkitError: there is no Go, a module cannot be downloaded, or it does not compile.
    """
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()}".encode())
    for name in ("main.go", "go.mod", "go.sum"):
        digest.update(b"\0" + (HERE / name).read_bytes())
    store = paths.cache_dir() / "goyaml"
    target = store / digest.hexdigest()[:12] / "goyaml"
    if target.exists():
        return target
    store.mkdir(parents=True, exist_ok=True)
    go = golang.ensure(gomod.parse("goyaml", (HERE / "go.mod").read_text()).go, progress)
    with (
        progress.step("Building Go's YAML loader") as step,
        files.locked(store / ".lock", lambda: step.note("waiting for another build")),
        tempfile.TemporaryDirectory(prefix=".building-", dir=store) as scratch,
    ):
        source, out = Path(scratch) / "source", Path(scratch) / "goyaml"
        shutil.copytree(HERE, source)
        try:
            process.run(
                [go, "build", "-trimpath", "-buildvcs=false", "-o", out, "."],
                cwd=source,
                env=golang.environment(Path(scratch)),
                on_line=step.glance,
            )
        except process.CommandFailed as error:
            raise build.explain("tests/integration/goyaml", error.output) from error
        target.parent.mkdir(exist_ok=True)
        os.replace(out, target)
    return target
