"""The files that the operator image adds to its base, laid out on the host.

They are installed here, from the hash-locked list, for the Python of the *image*; the Dockerfile
only copies them. So a build needs no network, no pip and no shell inside the image, works for
another architecture without emulation, and gives the same bytes twice
(docs/decisions/0003-image-files.md).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import process

LOCK = "requirements/operator.txt"
# Every glibc that a supported base image may have: Debian 12 has 2.36.
_MANYLINUX = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# Shipped by packages, used by nobody at run time: their tests, stubs and C sources.
_DEAD = ("**/tests", "**/test", "**/*.pyi", "**/*.pxd", "**/*.pyx", "**/*.c", "**/*.h", "bin")
# The description of the operator, which kopfkit-sdk reads where the operator is built.
_DESCRIPTION = "*/project.py"


def build(
    target: Path,
    checkout: Path,
    *,
    python: str = "3.11",
    architecture: str = "amd64",
    epoch: int = 0,
) -> None:
    """Write the image's Python files into `target`, replacing what is there.

    Args:
        target: a directory; it is swapped in when complete.
        checkout: has the locked packages in `LOCK`; a package in itself (the operator's) and one
            in kopfkit/ are installed too, where there is a pyproject.toml.
        python: the image's Python, as MAJOR.MINOR.
        architecture: the image's, in Docker's words: amd64 or arm64.
        epoch: modification time of every file, in seconds since 1970 (SOURCE_DATE_EPOCH).

    Raises:
        KopfkitError: an unknown architecture, no locked packages, or one of them that has no wheel
            for the image.
    """
    machine = MACHINES.get(architecture)
    if machine is None:
        known = " or ".join(MACHINES)
        raise KopfkitError(f"architecture {architecture!r}", "is not supported", f"Use {known}.")
    requirements = checkout / LOCK
    if not requirements.is_file():
        raise KopfkitError(
            LOCK,
            "is missing: the packages of the operator image, locked with their hashes",
            "Write it: kopfkit image lock",
        )
    own = (checkout, checkout / "kopfkit")
    sources = [path for path in own if (path / "pyproject.toml").is_file()]
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fresh = work / "root"
        _install_locked(fresh, requirements, python, machine)
        if sources:
            _install_own(fresh, sources, work)
        for pattern in (*_DEAD, _DESCRIPTION):
            for path in sorted(fresh.glob(pattern), reverse=True):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        _shorten(fresh)
        byte_compile(fresh, python)
        _settle(fresh, epoch)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def platform(python: str, machine: str) -> list[str]:
    """pip's flags for wheels of an image."""
    platforms = [f"--platform={name}_{machine}" for name in _MANYLINUX]
    cpython = ["--implementation=cp", f"--python-version={python}"]
    return ["--only-binary=:all:", *cpython, *platforms]


def _install_locked(root: Path, requirements: Path, python: str, machine: str) -> None:
    _pip(
        "install", "--require-hashes", "--no-deps", "--no-compile", *platform(python, machine),
        f"--target={root}", "--requirement", str(requirements),
    )  # fmt: skip


def _install_own(root: Path, sources: Sequence[Path], work: Path) -> None:
    # Without build isolation: hatchling comes from the development lock, not from an index.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}  # 1980: the oldest zip allows
    for source in sources:
        _pip(
            "wheel", "--no-deps", "--no-build-isolation", "--no-index",
            f"--wheel-dir={work / 'wheels'}", os.fspath(source.absolute()), env=environment,
        )  # fmt: skip
    wheels = sorted(str(wheel) for wheel in (work / "wheels").glob("*.whl"))
    _pip("install", "--no-deps", "--no-index", "--no-compile", f"--target={root}", *wheels)


def _pip(*arguments: str, env: dict[str, str] | None = None) -> None:
    process.run([sys.executable, "-m", "pip", "--quiet", *arguments], env=env)


def _shorten(root: Path) -> None:
    """Leave the descriptions out of the packages' metadata: they are for an index, and the image
    would be another one whenever the README is."""
    for path in root.glob("*.dist-info/METADATA"):
        # A blank line ends the headers, as in a mail (core metadata specification).
        headers = path.read_bytes().partition(b"\n\n")[0]
        path.write_bytes(headers.rstrip(b"\n") + b"\n")


def byte_compile(root: Path, python: str) -> None:
    """Byte-compile, since the image's file system is read-only and could not cache it. Only this
    interpreter's own format can be made; an image of another Python compiles at every start."""
    if python != f"{sys.version_info.major}.{sys.version_info.minor}":
        return
    # In a process of its own, one file after the other: bytecode depends on what else the process
    # that compiles holds, and so on what it compiled before and which of several got a file.
    # -I: PYTHONPYCACHEPREFIX is about this machine's bytecode.
    argv = [sys.executable, "-I", "-m", "compileall", "-qq", "-s", str(root)]
    # No time stamps in it: same sources, same bytes; and no stat() at import.
    argv += ["--invalidation-mode=unchecked-hash", str(root)]
    subprocess.run(argv, stdin=subprocess.DEVNULL, check=False)  # a package may have templates


def _settle(root: Path, epoch: int) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        # pip's record of where it installed from, and of files that were left out since.
        if path.name in {"direct_url.json", "RECORD", "INSTALLER", "REQUESTED"}:
            path.unlink()
            continue
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (epoch, epoch))
    root.chmod(0o755)
    os.utime(root, (epoch, epoch))
