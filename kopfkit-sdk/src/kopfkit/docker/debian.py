"""Debian's packages: installed on this machine, or unpacked into a directory of their own.

The mirror is the one that this machine's apt uses, never a name of ours: a closed network has its
own.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import paths, process
from kopfkit.host.progress import Progress

# The release of every root file system made here. Fixed, so that an image does not change with
# the release of the machine that makes it.
RELEASE = "bookworm"
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
# Without it, Debian 12 merges /usr by a package that brings perl: 48 MB and 5 s more.
_MERGED_USR = Path("/usr/share/mmdebstrap/hooks/merged-usr")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def is_debian() -> bool:
    """Whether this machine runs Debian itself (its derivatives name packages differently)."""
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return False
    return "ID=debian" in lines


def install(programs: dict[str, str], progress: Progress) -> None:
    """Install what is missing of `programs` (program -> Debian package) with apt.

    Raises KopfkitError if this is not root on Debian, or apt fails.
    """
    missing = {name: package for name, package in programs.items() if not find(name)}
    if not missing:
        return
    packages = sorted(set(missing.values()))
    if os.geteuid() != 0 or not is_debian():
        who = "not running as root" if is_debian() else "this is not Debian"
        raise KopfkitError(
            f"{', '.join(missing)}",
            f"missing, and cannot be installed: {who}",
            f"Install the equivalent of Debian's {' '.join(packages)}.",
        )
    env = {**os.environ, **_QUIET}
    words = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    with progress.step(f"Installing {' '.join(packages)}"):
        try:
            process.run(words, env=env)
        except process.CommandFailed:
            # Mostly a machine whose package lists are missing or old.
            process.run(["apt-get", "update"], env=env)
            process.run(words, env=env)


def find(program: str) -> str | None:
    """Path of a program on PATH or in the directories for root's programs."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@contextlib.contextmanager
def unpacked(*packages: str, architecture: str = "") -> Iterator[Path]:
    """The files of Debian packages, unpacked into a directory that is gone afterwards: nothing is
    installed, and no service of theirs is started. Without their dependencies. The packages
    themselves lie beside the directory.

    Args:
        packages: their names.
        architecture: Debian's name of one; this machine's unless given.

    Raises KopfkitError where apt cannot download them.
    """
    with tempfile.TemporaryDirectory(prefix="unpack-", dir=paths.cache_dir()) as place:
        root = Path(place) / "root"
        root.mkdir()
        env = {**os.environ, **_QUIET}
        # apt's download user may not enter the cache directory; the package is verified either way.
        options = ["-o", "APT::Sandbox::User=root", *_foreign(architecture)]
        words = ["apt-get", *options, "download", *packages]
        try:
            process.run(words, cwd=place, env=env)
        except process.CommandFailed:
            process.run(["apt-get", *options, "update"], env=env)
            process.run(words, cwd=place, env=env)
        for archive in sorted(Path(place).glob("*.deb")):
            process.run(["dpkg-deb", "--extract", archive, root])
        yield root


def _foreign(architecture: str) -> list[str]:
    """apt's options for another architecture's packages: lists of their own, so that this machine's
    apt is not told of it."""
    if not architecture or architecture == process.run(["dpkg", "--print-architecture"]).strip():
        return []
    own = paths.cache_dir() / f"apt-{architecture}"
    for name in ("state/lists/partial", "cache/archives/partial"):
        (own / name).mkdir(parents=True, exist_ok=True)
    (own / "status").touch()
    settings = {
        "Dir::State": own / "state",
        "Dir::State::status": own / "status",
        "Dir::Cache": own / "cache",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def bootstrap(archive: Path, packages: Sequence[str], progress: Progress) -> None:
    """Write a root file system of Debian with `packages` to the tar file `archive`, as root. It has
    what the packages depend on, no apt, and neither documentation nor translations.

    Raises KopfkitError; nothing of it stays mounted, as mmdebstrap(1) has mounts of its own.
    """
    install({"mmdebstrap": "mmdebstrap"}, progress)
    program = find("mmdebstrap") or "mmdebstrap"
    words = [program, "--mode=root", "--variant=essential", "--format=tar"]
    if packages:
        words.append(f"--include={','.join(packages)}")
    if _KEYRING.exists():
        words.append(f"--keyring={_KEYRING}")
    if _MERGED_USR.exists():
        words.append(f"--hook-directory={_MERGED_USR}")
    words += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
    # Its working directory goes with the archive's, also where it is killed.
    env = {**os.environ, **_QUIET, "TMPDIR": str(archive.parent)}
    process.run([*words, RELEASE, str(archive), mirror()], env=env)


def mirror() -> str:
    """The address of the Debian mirror that this machine's apt uses.

    Raises KopfkitError if apt has none.
    """
    # apt's own list of what it would download; `apt-get indextargets` is in apt-get(8).
    listed = process.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(ORIGIN)|$(CODENAME)"]
    )
    rows = [line.split("|") for line in listed.splitlines() if line.count("|") == 2]
    debian = [row for row in rows if row[1] == "Debian" and "security" not in row[2]]
    # Without package lists apt knows the addresses, but neither origin nor code name.
    named = debian or [row for row in rows if row[0].rstrip("/").endswith("/debian")]
    if not named:
        raise KopfkitError(
            "Debian mirror", "apt has none", "Add one to /etc/apt/sources.list; apt-get update."
        )
    return named[0][0]


def unmount(directory: Path) -> None:
    """Unmount whatever is mounted under `directory`, newest first, and `directory` itself if it is
    a bind mount, as dockerd makes one of its data directory. A disk of its own stays mounted."""
    for point in mounted(directory, Path("/proc/self/mountinfo").read_text()):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


def mounted(directory: Path, table: str) -> list[str]:
    """What `unmount` unmounts, given proc(5)'s mountinfo."""
    place, found = str(directory.absolute()), []
    for line in reversed(table.splitlines()):
        # The mounted part of the file system, and where; spaces and the like are octal escapes.
        fields = (re.sub(r"\\([0-7]{3})", _character, word) for word in line.split()[3:5])
        root, point = fields
        if point.startswith(f"{place}/") or (point == place and root != "/"):
            found.append(point)
    return found


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 8))
