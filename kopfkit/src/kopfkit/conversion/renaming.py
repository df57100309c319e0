"""A spoke whose spec has the hub's fields under other names, or not at all: the usual one.

No functions have to be written for it. What only one of the two versions has is left out of the
other, and kept by the `Converter`; what neither knows is passed on, since a pod that is older than
the object must not lose what a newer one wrote.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

from kopfkit.conversion.converter import Content, Spoke
from kopfkit.conversion.fields import known_fields
from kopfkit.crd import Version
from kopfkit.errors import KopfkitError

_MISSING: Final = object()
_Path = tuple[str, ...]


def renamed(
    version: Version[Any, Any],
    moved: Mapping[str, str],
    *,
    hub: Version[Any, Any],
    shown: str = "",
) -> Spoke:
    """The spoke of a version whose fields are the hub's.

    Args:
        version: the spoke's.
        moved: from a field of its spec to the hub's path of the same: {"message":
            "greeting.message"}. Fields that have the same name in both are not mentioned.
        hub: the hub's.
        shown: see `Spoke`.

    Raises:
        KopfkitError: one of the two versions has no such field.
    """
    here, there = (known_fields(spec=one.spec, status=one.status) for one in (version, hub))
    ways: dict[_Path, _Path] = {(field,): tuple(path.split(".")) for field, path in moved.items()}
    for one, fields, paths in ((version, here, ways), (hub, there, ways.values())):
        for path in paths:
            if _found(fields["spec"], path) is _MISSING:
                text = f"its spec has no field {'.'.join(path)}"
                hint = "Name fields as in manifests: {'size': 'replicas'}."
                raise KopfkitError(f"version {one.name}", text, hint)
    mine, hubs = here["spec"].keys(), there["spec"].keys()
    back = {path: field for field, path in ways.items()}
    return Spoke(
        version.name,
        to_hub=partial(_moved, ways, mine - hubs),
        from_hub=partial(_moved, back, hubs - mine),
        fields=here,
        shown=shown,
    )


def _moved(paths: Mapping[_Path, _Path], dropped: Collection[str], content: Content) -> Content:
    """The content with what is at the paths elsewhere. Pure; any JSON goes through."""
    spec = content.get("spec")
    if not isinstance(spec, dict):
        return content
    new = {key: value for key, value in spec.items() if key not in dropped}
    for source, target in paths.items():
        value = _found(spec, source)
        if value is not _MISSING:
            new = _with(new, target, value)
    return {**content, "spec": new}


def _found(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return _MISSING
        value = value[key]
    return value


def _with(value: Any, path: Sequence[str], leaf: Any) -> dict[str, Any]:
    """A copy with the leaf at the path; what is no mapping on the way becomes one."""
    key, *rest = path
    there = value if isinstance(value, dict) else {}
    return {**there, key: _with(there.get(key), rest, leaf) if rest else leaf}
