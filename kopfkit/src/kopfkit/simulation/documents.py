"""Objects in files: YAML or JSON, one or several documents a file, lists of objects too."""

from pathlib import Path
from typing import Any, ClassVar

import yaml

from kopfkit.errors import KopfkitError

Object = dict[str, Any]
ENDINGS = (".yaml", ".yml", ".json")
# The C parser is eight times faster; a directory may hold thousands of objects.
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_PARSER):  # type: ignore[misc]
    """Leaves a time a string, as JSON and so Kubernetes has it."""

    yaml_implicit_resolvers: ClassVar = {
        sign: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for sign, resolvers in _PARSER.yaml_implicit_resolvers.items()
    }


def read_documents(path: Path) -> list[Object]:
    """The objects in a file, or in all YAML and JSON files below a directory, in order of names.

    A List (as `kubectl get -o yaml` writes it) counts as its items.

    Raises:
        KopfkitError: nothing is there, or a file is not readable, or holds something else.
    """
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix in ENDINGS)
    elif path.is_file():
        files = [path]
    else:
        raise KopfkitError(str(path), "does not exist")
    found: list[Object] = []
    for file in files:
        found += _objects(file)
    return found


def _objects(file: Path) -> list[Object]:
    try:
        documents = list(yaml.load_all(file.read_text("utf-8"), Loader=_Loader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise KopfkitError(str(file), f"cannot be read ({error})", "It has to be YAML.") from None
    found = []
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict):
            raise KopfkitError(str(file), f"holds a {type(document).__name__}, not an object")
        items = document.get("items")
        if str(document.get("kind")).endswith("List") and isinstance(items, list):
            found += [each for each in items if isinstance(each, dict)]
        else:
            found.append(document)
    return found
