"""Objects in files: YAML or JSON, one or several documents a file, lists of objects too."""

from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError

Object = dict[str, Any]


def read_documents(path: Path) -> list[Object]:
    """The objects in a file, or in all YAML and JSON files below a directory, in order of names.

    A List (as `kubectl get -o yaml` writes it) counts as its items.

    Raises:
        KopfkitError: nothing is there, or a file is not readable, or holds something else.
    """
    if path.is_dir():
        # A pipe would be waited for.
        found = (each for each in path.rglob("*") if each.suffix in yamls.ENDINGS)
        files = sorted(each for each in found if each.is_file())
    elif path.exists():
        files = [path]
    else:
        raise KopfkitError(str(path), "does not exist")
    return [one for file in files for one in _objects(file)]


def _objects(file: Path) -> list[Object]:
    found = []
    for document in yamls.read_all(file):
        if not isinstance(document, dict):
            raise KopfkitError(str(file), f"holds a {type(document).__name__}, not an object")
        items = document.get("items")
        if str(document.get("kind")).endswith("List") and isinstance(items, list):
            found += [each for each in items if isinstance(each, dict)]
        else:
            found.append(document)
    return found
