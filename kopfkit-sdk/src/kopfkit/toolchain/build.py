"""Builds tools from their pinned Go modules into the cache.

A binary appears in the cache in one step, under a name that is a hash of all that went into it;
one build runs at a time on a machine (the Go compiler uses every core anyway), and a killed build
leaves a scratch directory that the next one removes.
"""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import daemon, files, paths, process
from kopfkit.host.progress import Progress, Step
from kopfkit.toolchain import golang, gomod, modulecopy
from kopfkit.toolchain.binaries import Binary, build_flags

_SCRATCH = ".building-"


def destination(binary: Binary) -> Path:
    """Where the pinned build of `binary` is, or will be."""
    group = gomod.group(binary.group)
    return _store() / f"{group.name}-{binary.version}-{_key(group)}" / binary.name


def build(binaries: Iterable[Binary], progress: Progress) -> None:
    """Build what is missing of `binaries`, one `go build` per group.

    Raises KopfkitError if Go is missing, a module cannot be downloaded or has another hash than
    go.sum says, the disk is full, or a package does not compile.
    """
    ordered = sorted(binaries, key=lambda b: b.group)
    for name, members in groupby(ordered, key=lambda b: b.group):
        _build_group(gomod.group(name), list(members), progress)


def _build_group(group: gomod.Group, members: list[Binary], progress: Progress) -> None:
    go = golang.ensure(group.go, progress)
    with progress.step(f"Building {names(members)}") as step:
        waiting = "waiting for another build"
        with files.locked(_store() / ".lock", lambda: step.note(waiting)):
            for stale in _store().glob(f"{_SCRATCH}*"):
                # The Go of a kopfkit that was killed may still be at it.
                daemon.sweep(stale, 0.0)
                shutil.rmtree(stale, ignore_errors=True)
            missing = [b for b in members if not destination(b).exists()]
            if not missing:
                step.note("built meanwhile")
                return
            with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=_store()) as scratch:
                _compile(go, group, missing, Path(scratch), step)
            step.note("")


def names(members: Iterable[Binary]) -> str:
    """Names and versions, such as "etcd v3.6.5, kubelet, kubectl v1.34.4"."""
    parts = groupby(sorted(members, key=lambda b: b.version), key=lambda b: b.version)
    return ", ".join(f"{', '.join(b.name for b in some)} {version}" for version, some in parts)


def _compile(
    go: Path, group: gomod.Group, missing: list[Binary], scratch: Path, step: Step
) -> None:
    work, out = scratch / "work", scratch / "out"
    compiled = 0

    def count(line: str) -> None:
        nonlocal compiled
        if line.startswith("go: downloading "):
            step.glance(f"downloading {line.split()[2]}")
        elif line and not line.startswith(("#", "go:")) and " " not in line:
            compiled += 1
            step.glance(f"{compiled} packages compiled")

    try:
        work.mkdir()
        out.mkdir()
        environment = {**golang.environment(work), daemon.OWNER: str(scratch)}
        place, packages = group.directory, [b.package for b in missing]
        if missing[0].inside or missing[0].within:
            place = scratch / "module"
            packages = modulecopy.enter(go, group, missing, place, environment)
        process.run(
            # -v names each package as it is compiled: the only sign of progress there is.
            [
                go,
                "build",
                "-v",
                *build_flags(group),
                "-o",
                f"{out}/",
                *packages,
            ],
            cwd=place,
            env=environment,
            on_line=count,
        )
        for binary in missing:
            target = destination(binary)
            target.parent.mkdir(exist_ok=True)
            os.replace(out / binary.built_as, target)
    except process.CommandFailed as error:
        raise explain(group.name, error.output) from error
    except OSError as error:
        raise explain(group.name, error.strerror or str(error)) from error


def explain(group: str, output: str) -> KopfkitError:
    """The error for a failed `go` command of the tool group `group`, with the hint that fits."""
    what = f"tools of the group {group}"
    low = output.lower()
    if "no space left on device" in low or "disk quota exceeded" in low:
        return KopfkitError(
            what,
            "cannot be built: the disk is full",
            f"Free some space (a cold build needs about 8 GB) where Go's caches and {_store()} "
            "are, or point KOPFKIT_CACHE_DIR, GOCACHE and GOMODCACHE at another disk.",
        )
    if "checksum mismatch" in low or "security error" in low:
        return KopfkitError(
            what,
            f"a Go module is not the one that go.sum names\n{process.tail(output)}",
            "Do not use it: look at what the module proxy (GOPROXY) serves.",
        )
    unreachable = ("dial tcp", "no such host", "i/o timeout", "tls handshake", "proxyconnect")
    refused = (
        "module lookup disabled",
        "unexpected eof",
        "connection re",
        "503 service",
        "502 bad",
    )
    if any(sign in low for sign in unreachable + refused):
        return KopfkitError(
            what,
            f"a Go module cannot be downloaded\n{process.tail(output, 4)}",
            "Check the network, or set GOPROXY to a module proxy that this machine reaches.",
        )
    return KopfkitError(what, f"the build failed\n{process.tail(output)}")


def _store() -> Path:
    path = paths.cache_dir() / "tools"
    path.mkdir(exist_ok=True)
    return path


def _key(group: gomod.Group) -> str:
    digest = hashlib.sha256()
    # Also the Go files, of a group that has programs of kopfkit's own.
    own = {*group.directory.glob("**/*.go"), *group.directory.glob("within/**/*.*")}
    for path in (group.directory / "go.mod", group.directory / "go.sum", *sorted(own)):
        if path.is_file():  # without a module of others' there is no go.sum
            digest.update(path.read_bytes())
    go = golang.find(group.go)
    # Patch releases of Go are left out: they fix bugs, and should not cost every user a rebuild.
    for part in (*build_flags(group), f"go{go.version}", sys.platform, platform.machine()):
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()[:12]
