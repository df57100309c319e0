"""The list of the packages of an operator image, locked with their hashes, resolved by pip.

It names the wheels for every architecture, so that one list serves all images of a release.
"""

import hashlib
import json
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from kopfkit.errors import KopfkitError
from kopfkit.host import files, process
from kopfkit.image import imageroot

_HEAD = (
    "# The packages of the operator image, from pyproject.toml; written by `kopfkit image lock`.\n"
)


def write(checkout: Path, locked: str = "") -> Path:
    """Write the list of a checkout's project; returns its path.

    Args:
        locked: what `text` gave; "" asks it.

    Raises:
        KopfkitError: as `text`.
    """
    locked = locked or text(checkout)
    lock = checkout / imageroot.LOCK
    lock.parent.mkdir(exist_ok=True)
    files.write(lock, locked, mode=0o644)
    return lock


def text(checkout: Path, python: str = "3.11") -> str:
    """The list for a checkout's project, its dependencies resolved.

    Args:
        checkout: with a pyproject.toml.
        python: the image's Python, as MAJOR.MINOR.

    Raises:
        KopfkitError: there is no pyproject.toml, or a package has no wheel for an image.
    """
    path = checkout / "pyproject.toml"
    try:
        wanted = tomllib.loads(path.read_text("utf-8")).get("project", {}).get("dependencies", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KopfkitError(str(path), f"cannot be read ({error})") from None
    return resolve(wanted, python)


def resolve(wanted: Sequence[str], python: str = "3.11", *, constraints: Sequence[str] = ()) -> str:
    """The list for some requirements.

    Args:
        wanted: as pip takes them.
        python: the image's Python, as MAJOR.MINOR.
        constraints: versions of packages, if they are needed.

    Raises:
        KopfkitError: a package has no wheel for an image.
    """
    found: dict[str, set[str]] = {}
    for machine in imageroot.MACHINES.values():
        for name, digest in _resolve(wanted, constraints, python, machine):
            found.setdefault(name, set()).add(digest)
    return _HEAD + "".join(
        f"{name} \\\n" + " \\\n".join(f"    --hash=sha256:{each}" for each in sorted(hashes)) + "\n"
        for name, hashes in sorted(found.items())
    )


def _resolve(
    wanted: Sequence[str], constraints: Sequence[str], python: str, machine: str
) -> list[tuple[str, str]]:
    """(name==version, SHA-256) of each wheel that pip would install."""
    with tempfile.TemporaryDirectory(prefix="kopfkit-lock-") as place:
        requirements, report = Path(place) / "requirements.txt", Path(place) / "report.json"
        requirements.write_text("".join(f"{each}\n" for each in wanted))
        limits = Path(place) / "constraints.txt"
        limits.write_text("".join(f"{each}\n" for each in constraints))
        argv = [
            sys.executable, "-m", "pip", "--quiet", "install", "--dry-run", "--ignore-installed",
            "--disable-pip-version-check", *imageroot.platform(python, machine),
            f"--target={place}/root", f"--report={report}", f"--requirement={requirements}",
            f"--constraint={limits}",
        ]  # fmt: skip
        try:
            process.run(argv)
        except KopfkitError as error:
            if "No matching distribution found for kopfkit" not in str(error):
                raise
            raise KopfkitError(
                "the kopfkit that pyproject.toml asks for",
                "is in no package index that pip uses",
                "Name the directory of its wheels: export PIP_FIND_LINKS=DIRECTORY",
            ) from None
        listed = json.loads(report.read_bytes())["install"]
    return [_locked(each) for each in listed]


def _locked(item: dict[str, Any]) -> tuple[str, str]:
    metadata, source = item["metadata"], item["download_info"]
    digest = source.get("archive_info", {}).get("hashes", {}).get("sha256")
    if digest is None:
        # A wheel of a directory of this machine (--find-links).
        wheel = Path(url2pathname(urlsplit(source["url"]).path))
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{metadata['name'].lower()}=={metadata['version']}", digest
