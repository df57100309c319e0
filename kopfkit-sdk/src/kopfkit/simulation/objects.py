"""Objects of the CRDs, sorted by the version they are written in, and seen through the others."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kopfkit.crd.structural import admit, schema_in
from kopfkit.errors import KopfkitError
from kopfkit.simulation.preflight import is_webhook, served_by_both, versions

Object = dict[str, Any]
# Converts an object to an apiVersion, as `kopfkit.conversion.Converter.convert` does.
Convert = Callable[[Object, str], Object]


def sort_objects(
    objects: Iterable[Object], crds: Mapping[str, Object]
) -> dict[str, dict[str, list[Object]]]:
    """The objects of these CRDs by the CRD's name and by version; others are left out."""
    kinds = {(each["spec"]["group"], each["spec"]["names"]["kind"]): each for each in crds.values()}
    found: dict[str, dict[str, list[Object]]] = {name: {} for name in crds}
    for obj in objects:
        group, _, version = str(obj.get("apiVersion")).partition("/")
        crd = kinds.get((group, str(obj.get("kind"))))
        if not isinstance(obj.get("metadata", {}), dict):
            raise KopfkitError(f"{obj.get('kind')}", "is an object whose metadata is none")
        if crd is not None and version in versions(crd):
            found[crd["metadata"]["name"]].setdefault(version, []).append(obj)
    return found


def seen_through(
    old: Object, new: Object, objects: Mapping[str, list[Object]], convert: Convert | None
) -> dict[str, list[Object]]:
    """The objects as LISTs give them through each version that both CRDs serve.

    Where a webhook converts and `convert` is None, an object is seen through its own version only.
    """
    found: dict[str, list[Object]] = {}
    for target in served_by_both(old, new):
        found[target] = list(objects.get(target, ()))
        for source, group in objects.items():
            if source == target or (is_webhook(old) and convert is None):
                continue
            schema = schema_in(old, source)
            for obj in group:
                written = admit(obj, schema)
                api_version = f"{old['spec']['group']}/{target}"
                if is_webhook(old) and convert is not None:
                    found[target].append(convert(written, api_version))
                else:
                    found[target].append({**written, "apiVersion": api_version})
    return found
