"""Copies a Go module, to build in it what uses its internal packages.

The module cache is not writable, and Go lets only packages of the same module import what is
internal to it. The copy is built with the module's own go.mod and go.sum; that the module is the
pinned one is checked by the go.sum of the tool group.
"""

import json
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from kopfkit.host import process
from kopfkit.toolchain import gomod
from kopfkit.toolchain.binaries import Binary


def enter(
    go: Path,
    group: gomod.Group,
    binaries: Sequence[Binary],
    to: Path,
    environment: dict[str, str],
) -> list[str]:
    """Copy the module that programs are built in, and the group's own files into it.

    Args:
        binaries: of one group, which has them in one module.

    Returns:
        The programs' packages, as `go build` in the copy takes them.

    Raises:
        CommandFailed: the module cannot be downloaded, or has another hash.
    """
    module = directory(go, binaries[0].module, group.directory, environment)
    copy(module, to, binaries[0].inside)
    if replaced := binaries[0].within:
        shutil.copytree(group.directory / "within", to, dirs_exist_ok=True)
        words = [f"-replace={each}" for each in replaced]
        process.run([go, "mod", "edit", *words], cwd=to, env=environment)
    for path in group.directory.glob("*.go"):
        program = to / "cmd" / binaries[0].name
        program.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, program / path.name)
    return [f"./cmd/{binary.name}" for binary in binaries]


def directory(go: Path, module: str, pinned: Path, environment: dict[str, str]) -> Path:
    """Where the module cache has a module, downloaded if need be.

    Args:
        pinned: the directory with the go.mod that names its version, and the go.sum its hash.

    Raises:
        CommandFailed: it cannot be downloaded, or has another hash.
    """
    told = process.run([go, "mod", "download", "-json", module], cwd=pinned, env=environment)
    return Path(json.loads(told)["Dir"])


def copy(module: Path, to: Path, without: Collection[str] = ()) -> None:
    """Copy a module's files, writable, but for those in `without`."""
    left_out = {module / name for name in without}

    def ignored(place: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(place, name) in left_out]

    shutil.copytree(module, to, copy_function=shutil.copyfile, ignore=ignored)
    for path in [to, *(path for path in to.rglob("*") if path.is_dir())]:
        path.chmod(0o755)
