"""What the API server does to an object by its version's structural schema, without an API server:
it removes the fields that the schema does not have, fills in defaults, and asks the rules.

k8s.io/apiextensions-apiserver pkg/apiserver/schema (pruning, defaulting, cel). Left out: types,
limits and formats (generated objects have the right ones, and a JSON Schema validator knows them),
and metadata, which has no part in either.
"""

import copy
from collections.abc import Iterator
from typing import Any

from kopfkit.crd.cel import compile_rule

Schema = dict[str, Any]
_ENVELOPE = ("apiVersion", "kind", "metadata")


def schema_in(crd: dict[str, Any], version: str) -> Schema:
    """The schema of a CRD's version; KeyError if it has no such version."""
    for one in crd["spec"]["versions"]:
        if one["name"] == version:
            schema: Schema = one["schema"]["openAPIV3Schema"]
            return schema
    raise KeyError(f"{crd['metadata']['name']} has no version {version}")


def admit(obj: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """An object as it is when the API server has read it in this schema's version: pruned and
    defaulted. The argument stays as it is."""
    known = schema.get("properties", {})
    inner = {key: one for key, one in known.items() if key not in _ENVELOPE}
    content = {key: value for key, value in obj.items() if key not in _ENVELOPE}
    admitted = defaulted(pruned(content, {**schema, "properties": inner}), schema)
    return {**{key: obj[key] for key in _ENVELOPE if key in obj}, **admitted}


def pruned(value: Any, schema: Schema) -> Any:
    """The value without what the schema does not have, and without null where it has a field that
    may not be null and has no default."""
    if isinstance(value, dict):
        known = schema.get("properties", {})
        others = schema.get("additionalProperties")
        keep = schema.get("x-kubernetes-preserve-unknown-fields", False)
        kept = {}
        embedded = _ENVELOPE if schema.get("x-kubernetes-embedded-resource") else ()
        for key, item in value.items():
            inner = known.get(key, key in embedded or others)
            if isinstance(inner, dict):
                if item is not None or inner.get("nullable") or "default" in inner:
                    kept[key] = pruned(item, inner)
            elif inner or keep:
                kept[key] = item
        return kept
    if isinstance(value, list):
        items = schema.get("items")
        if items is None and schema.get("x-kubernetes-preserve-unknown-fields"):
            return value
        # A list where the schema has none loses the members of its objects, too.
        return [pruned(item, items or {}) for item in value]
    return value


def defaulted(value: Any, schema: Schema) -> Any:
    """The value with the schema's defaults; null gives way to a default where it may not be."""
    if isinstance(value, dict):
        filled = dict(value)
        known = schema.get("properties", {})
        for key, inner in known.items():
            missing = key not in filled or (filled[key] is None and not inner.get("nullable"))
            if missing and "default" in inner:
                filled[key] = copy.deepcopy(inner["default"])
            if key in filled:
                filled[key] = defaulted(filled[key], inner)
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            for key in filled.keys() - known.keys():
                filled[key] = defaulted(filled[key], others)
        return filled
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [defaulted(item, schema["items"]) for item in value]
    return value


def broken_rules(
    value: Any, schema: Schema, old: Any = None, path: str = ""
) -> Iterator[tuple[str, str]]:
    """The rules that do not hold, each as (path of the field, message).

    Args:
        value: JSON of the right types, defaults filled in.
        schema: with `x-kubernetes-validations`.
        old: the value before an update; None for a creation: rules about changes are then left out.
        path: what paths begin with.

    Raises:
        UnsupportedRule: only the API server can judge one of the rules.
    """
    for rule in schema.get("x-kubernetes-validations", ()):
        program = compile_rule(rule["rule"])
        if (not program.uses_old or old is not None) and not program.holds(value, old):
            message = rule.get("message") or f"failed rule: {program.rule}"
            yield path + rule.get("fieldPath", ""), message
    if isinstance(value, dict):
        known = schema.get("properties", {})
        others = schema.get("additionalProperties")
        before = old if isinstance(old, dict) else {}
        for key, item in value.items():
            inner = known.get(key, others)
            if isinstance(inner, dict):
                yield from broken_rules(item, inner, before.get(key), f"{path}.{key}")
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        # Items correlate in lists of type map only; for creations, which is our use, none do.
        for at, item in enumerate(value):
            yield from broken_rules(item, schema["items"], None, f"{path}[{at}]")
