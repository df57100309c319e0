"""Directories for PYTHONPATH that have only what one operator needs.

What can be imported changes what is measured: kopf imports every API client it finds for its
logins, and a development environment has them all, where the operator image has none. So each
Python operator gets the named distributions and what they require, linked from this environment.
"""

import importlib.metadata
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

from kopfkit.errors import KopfkitError


def link(target: Path, names: Iterable[str], *, without: Iterable[str] = ()) -> Path:
    """Fill `target` with links to the distributions `names` and to what they require.

    Args:
        target: a directory; what was there is removed.
        names: distributions of this environment, without extras.
        without: distributions whose own files are left out (their requirements are not).

    Raises:
        KopfkitError: one of them is not installed.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    left_out = {_canonical(name) for name in without}
    todo, seen = [_canonical(name) for name in names], set[str]()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise KopfkitError(
                f"Python package {name}", "is not installed", "Run `make venv`."
            ) from error
        for line in found.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                todo.append(_canonical(needed.name))
        if name not in left_out:
            _link_files(target, found)
    return target


def _link_files(target: Path, found: importlib.metadata.Distribution) -> None:
    tops = {
        file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")
    }
    for top in sorted(tops):
        place = target / top
        if not place.exists():
            place.symlink_to(Path(str(found.locate_file(top))))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
