"""Documents with the types of `shapes`."""

import json
from typing import Any, Final

from kopfkit import yamls
from kopfkit.manifests import shapes
from kopfkit.manifests.fitting import Tell, fitted

Object = dict[str, Any]
CSV: Final = "ClusterServiceVersion"
CRD: Final = "CustomResourceDefinition"
V1BETA1: Final = "apiextensions.k8s.io/v1beta1"
_SHAPES: Final = {CSV: shapes.CSV, CRD: shapes.CRD}


def typed(document: Object, tell: Tell) -> Object:
    """An object with the types of its kind, and always with metadata.

    Args:
        tell: is called with (field, why) for what does not fit.
    """
    kind = document.get("kind")
    shape = _SHAPES.get(kind, shapes.OBJECT) if isinstance(kind, str) else shapes.OBJECT
    found: Object = fitted(document, shape, tell)
    found.setdefault("metadata", {})
    return found


def examples(csv: Object) -> tuple[list[Object], list[tuple[str, str]]]:
    """The objects in a CSV's alm-examples, and (field, why) of what is wrong with it."""
    name = "metadata.annotations.alm-examples"
    text = csv["metadata"].get("annotations", {}).get("alm-examples") or "[]"
    try:
        # As Kubernetes reads it: of a bounded depth, with characters and numbers that JSON has.
        given = json.dumps({"items": json.loads(text)}, allow_nan=False)
        found = yamls.load(given, name)["items"]
    except yamls.DocumentError as error:
        return [], [(name, error.why)]
    except (ValueError, RecursionError) as error:
        return [], [(name, f"is not JSON ({error})")]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return [], [(name, "is not a list of objects")]
    wrong: list[tuple[str, str]] = []
    objects = fitted(found, [shapes.OBJECT], lambda *why: wrong.append(why), name)
    return objects, wrong


def as_v1(crd: Object) -> Object:
    """A CRD whose versions stand where v1 has them, each with its schema.

    One of v1beta1 may have one version in spec.version, and one schema for all of them in
    spec.validation. Anything else is returned with the fields that v1 requires and it lacks.
    """
    spec = dict(crd.get("spec", {}))
    versions = spec.get("versions") or []
    if crd.get("apiVersion") == V1BETA1:
        alone = {"name": spec.get("version", ""), "served": True, "storage": True}
        common = spec.get("validation", {})
        versions = [{"schema": common, **one} for one in versions or [alone]]
    filled = [
        {
            **one,
            "name": one.get("name", ""),
            "schema": {"openAPIV3Schema": one.get("schema", {}).get("openAPIV3Schema", {})},
        }
        for one in versions
    ]
    names = {"kind": "", "plural": "", **spec.get("names", {})}
    spec |= {"versions": filled, "names": names, "group": spec.get("group", "")}
    return {**crd, "spec": spec}
