"""opm's rendering of bundles, catalogs and templates, for the commands that show or keep it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError

# The template kinds of opm (operator-registry, alpha/template), and the command for each.
_TEMPLATES = {"olm.template.basic": "basic", "olm.semver": "semver"}


def rendered(source: str, image: str = "") -> list[dict[str, Any]]:
    """What opm makes of an image, a directory or a template.

    Args:
        image: the bundle image of a source that is a bundle's directory; with "" it has none.

    Raises:
        KopfkitError: there is no such thing, or opm refuses it; with what it says.
    """
    # Imported here: the generators beside this module do not wait for the cluster tools.
    from kopfkit.cluster import rendering
    from kopfkit.cluster.progress import Progress

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


def _kind(path: Path) -> str:
    found = yamls.read(path)
    named = (
        {str(key).lower(): value for key, value in found.items()} if isinstance(found, dict) else {}
    )
    kind = _TEMPLATES.get(str(named.get("schema")).lower())
    if kind is None:
        raise KopfkitError(
            str(path),
            f"is not a template of opm's (its schema is {named.get('schema')!r})",
            f"Valid values: {', '.join(_TEMPLATES)}.",
        )
    return kind
