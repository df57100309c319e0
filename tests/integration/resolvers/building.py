"""Builds the programs that ask OLM's own resolvers, into kopfkit's cache: a minute, once.

OLM v0's resolver is a package of the module that OLM's other parts are built from, with the same
go.mod. OLM v1's is internal to operator-controller, so its program is built inside a copy of that
module, with the module's own go.mod and go.sum; the module is checked against the go.sum in v1/.
operator-controller as a whole cannot be built from its pinned modules; its resolver can.
"""

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from kopfkit.cluster import build, files, golang, gomod, paths, process
from kopfkit.cluster.progress import Progress

HERE = Path(__file__).parent
# Without C libraries for images that are never opened here.
TAGS = "containers_image_openpgp,exclude_graphdriver_btrfs"
CONTROLLER = "github.com/operator-framework/operator-controller"


def olm_v0(progress: Progress) -> Path:
    """The program for OLM v0; see `_build`."""
    return _build("v0", gomod.group("olm"), progress)


def olm_v1(progress: Progress) -> Path:
    """The program for OLM v1; see `_build`."""
    return _build("v1", gomod.parse("v1", (HERE / "v1" / "go.mod").read_text()), progress)


def _build(name: str, group: gomod.Group, progress: Progress) -> Path:
    """The executable, built first if it is not in the cache.

    Raises:
        KopfkitError: there is no Go, a module cannot be downloaded, or it does not compile.
    """
    modules = HERE / name if name == "v1" else group.directory
    ours = (HERE / "main.go", HERE / name / "choose.go")
    store = paths.cache_dir() / "resolvers"
    target = store / f"{name}-{_key(*ours, modules / 'go.mod', modules / 'go.sum')}" / "resolve"
    if target.exists():
        return target
    store.mkdir(exist_ok=True)
    go = golang.ensure(group.go, progress)
    with (
        progress.step(f"Building OLM {name}'s resolver") as step,
        files.locked(store / ".lock", lambda: step.note("waiting for another build")),
        tempfile.TemporaryDirectory(prefix=".building-", dir=store) as scratch,
    ):
        if target.exists():
            return target
        environment = golang.environment(Path(scratch))
        out, source = Path(scratch) / "resolve", Path(scratch) / "source"
        try:
            if name == "v1":
                _copy_module(go, modules, source, environment)
            else:
                shutil.copytree(modules, source)
            program = source / "cmd" / "resolve"
            program.mkdir(parents=True)
            for path in ours:
                shutil.copyfile(path, program / path.name)
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


def _copy_module(go: Path, pinned: Path, to: Path, environment: dict[str, str]) -> None:
    """operator-controller's files; the module cache's own are not writable."""
    told = process.run([go, "mod", "download", "-json", CONTROLLER], cwd=pinned, env=environment)
    shutil.copytree(json.loads(told)["Dir"], to, copy_function=shutil.copyfile)
    for directory in [to, *(path for path in to.rglob("*") if path.is_dir())]:
        directory.chmod(0o755)


def _key(*inputs: Path) -> str:
    digest = hashlib.sha256(f"{TAGS} {sys.platform} {platform.machine()}".encode())
    for path in inputs:
        digest.update(b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
