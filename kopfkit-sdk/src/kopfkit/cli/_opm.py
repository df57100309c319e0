"""opm's rendering of bundles, catalogs and templates, for the commands that show or keep it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.packaging.templates import BASIC, SEMVER, SUBSTITUTES

# The template kinds of opm (operator-registry, alpha/template), and the command for each.
_TEMPLATES = {BASIC: "basic", SEMVER: "semver"}
# Bytes of a file within which its schema is named.
_HEAD = 4096


def rendered(source: str, image: str = "") -> list[dict[str, Any]]:
    """What opm makes of an image, a directory or a template.

    Args:
        image: the bundle image of a source that is a bundle's directory; with "" it has none.

    Raises:
        KopfkitError: there is no such thing, or opm refuses it; with what it says.
    """
    # Imported here: the generators beside this module do not wait for the cluster tools.
    from kopfkit.host.progress import Progress
    from kopfkit.olm import rendering

    path, progress = Path(source), Progress()
    if path.is_file():
        return rendering.template(path, _kind(path), progress)
    if not path.exists() and not {":", "@"} & set(source):
        raise KopfkitError(
            source,
            "is neither a file, nor a directory, nor an image with a tag or digest",
            "Specify a bundle, a catalog, or a template of opm's.",
        )
    return rendering.render(source, progress, of=image)


def shown(documents: Sequence[dict[str, Any]], output: str) -> str:
    """The documents as one text, "yaml" or "json"."""
    if output == "json":
        return "".join(json.dumps(one, indent=2) + "\n" for one in documents)
    return yamls.dump(*documents)


def is_template(path: Path) -> bool:
    """Whether a file is a template of opm's, by the beginning of its text."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).lower()
    except OSError:
        return False  # whoever reads it as a catalog says why it cannot be read
    return any(schema.encode() in head for schema in (*_TEMPLATES, SUBSTITUTES))


def _kind(path: Path) -> str:
    found = yamls.read(path)
    named = (
        {str(key).lower(): value for key, value in found.items()} if isinstance(found, dict) else {}
    )
    schema = str(named.get("schema")).lower()
    if schema == SUBSTITUTES:
        raise KopfkitError(
            str(path),
            "is a substitutes template, which opm v1.61.0 does not know",
            "Render it with a newer opm, and name the catalog that it makes.",
        )
    kind = _TEMPLATES.get(schema)
    if kind is None:
        raise KopfkitError(
            str(path),
            f"is not a template of opm's (its schema is {named.get('schema')!r})",
            f"Valid values: {', '.join(_TEMPLATES)}.",
        )
    return kind
