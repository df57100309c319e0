"""Builds the programs that ask OLM's own code, into kopfkit's cache: some minutes, once.

OLM v0's resolver is a package of the module that OLM's other parts are built from, with the same
go.mod. (OLM v1's is asked by kopfkit's own tool olm-v1.)
What OLM v0's catalog operator asks before it updates a CRD is not exported by its package: it is
built with a copy of that module that has one more file, which exports it.
"""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from kopfkit.host import files, paths, process
from kopfkit.host.progress import Progress
from kopfkit.toolchain import build, golang, gomod, modulecopy

HERE = Path(__file__).parent
# Without C libraries for images that are never opened here.
TAGS = "containers_image_openpgp,exclude_graphdriver_btrfs"
# Where a program's files go in the source.
PROGRAM = "cmd/resolve"
LIFECYCLE = "github.com/operator-framework/operator-lifecycle-manager"


def olm_v0(progress: Progress) -> Path:
    """The program for OLM v0; see `_build`."""
    ours = {HERE / "main.go": PROGRAM, HERE / "v0" / "choose.go": PROGRAM}
    return _build("v0", gomod.group("cluster"), ours, progress)


def olm_catalog(progress: Progress) -> Path:
    """The program that asks OLM v0's catalog operator about a new CRD; see `_build`."""
    more = {HERE / "catalog" / "export.go": "pkg/controller/operators/catalog"}
    ours = {HERE / "catalog" / "main.go": PROGRAM}
    return _build("catalog", gomod.group("cluster"), ours, progress, more=more)


def _build(
    name: str,
    group: gomod.Group,
    ours: dict[Path, str],
    progress: Progress,
    *,
    more: dict[Path, str] | None = None,
) -> Path:
    """The executable, built first if it is not in the cache.

    Args:
        name: of the program.
        group: what pins the module that is asked.
        ours: our files, and the directory of the source that each goes into.
        progress: told of a build.
        more: our files that go into packages of a copy of OLM's module.

    Raises:
        KopfkitError: there is no Go, a module cannot be downloaded, or it does not compile.
    """
    modules = group.directory
    store = paths.cache_dir() / "resolvers"
    more = more or {}
    target = (
        store / f"{name}-{_key(*ours, *more, modules / 'go.mod', modules / 'go.sum')}" / "resolve"
    )
    if target.exists():
        return target
    store.mkdir(exist_ok=True)
    go = golang.ensure(group.go, progress)
    with (
        progress.step(f"Building what asks OLM ({name})") as step,
        files.locked(store / ".lock", lambda: step.note("waiting for another build")),
        tempfile.TemporaryDirectory(prefix=".building-", dir=store) as scratch,
    ):
        if target.exists():
            return target
        environment = golang.environment(Path(scratch))
        out, source = Path(scratch) / "resolve", Path(scratch) / "source"
        try:
            shutil.copytree(modules, source)
            if more:
                copy = source / "olm"
                lifecycle = modulecopy.directory(go, LIFECYCLE, modules, environment)
                modulecopy.copy(lifecycle, copy)
                for path, directory in more.items():
                    shutil.copyfile(path, copy / directory / path.name)
                words = [go, "mod", "edit", f"-replace={LIFECYCLE}=./olm"]
                process.run(words, cwd=source, env=environment)
            for path, directory in ours.items():
                (source / directory).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, source / directory / path.name)
            process.run(
                [go, "build", "-v", "-trimpath", "-buildvcs=false", f"-tags={TAGS}", "-o", out,
                 "./cmd/resolve"],
                cwd=source,
                env=environment,
                on_line=step.glance,
            )  # fmt: skip
        except process.CommandFailed as error:
            raise build.explain(f"tests/integration/resolvers/{name}", error.output) from error
        target.parent.mkdir(exist_ok=True)
        os.replace(out, target)
    return target


def _key(*inputs: Path) -> str:
    digest = hashlib.sha256(f"{TAGS} {sys.platform} {platform.machine()}".encode())
    for path in inputs:
        digest.update(b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
