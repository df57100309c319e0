"""Where one structural schema refuses what another takes.

apiextensions-apiserver pkg/apiserver/validation and kube-openapi pkg/validation decide what a
keyword refuses. Each difference that may refuse a value counts; whether one does, objects show.
"""

from collections.abc import Iterator
from typing import Any

from kopfkit.simulation.losses import ENVELOPE, OPEN, child, items, rest
from kopfkit.simulation.schemas import FORMATS

Schema = dict[str, Any]
# Keyword -> whether a smaller value is stricter, and the keyword that excludes the limit itself.
_LIMITS = {
    "maximum": (True, "exclusiveMaximum"),
    "maxLength": (True, ""),
    "maxItems": (True, ""),
    "maxProperties": (True, ""),
    "minimum": (False, "exclusiveMinimum"),
    "minLength": (False, ""),
    "minItems": (False, ""),
    "minProperties": (False, ""),
}
_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean"})


def stricter(old: Schema, new: Schema) -> list[str]:
    """Where the new schema may refuse what the old one took, each as a clause.

    Fields that are gone are not among them (see `losses`). Of rules in CEL, and of what stands
    under anyOf, oneOf, allOf and not, everything new counts: which of two is stricter nobody can
    tell from their text.
    """
    return list(dict.fromkeys(_stricter(old, new, "")))


def types(schema: Schema) -> frozenset[str]:
    """JSON types of values that the schema takes; a number takes integers."""
    if schema.get("x-kubernetes-int-or-string"):
        return frozenset({"integer", "string"})
    kind = schema.get("type")
    if kind == "number":
        return frozenset({"integer", "number"})
    return frozenset({kind}) if kind else _TYPES


def _stricter(old: Schema, new: Schema, path: str) -> Iterator[str]:
    here = path or "the object"
    if types(old) - types(new):
        yield f"{here} is {_type(new)}, was {_type(old)}"
    if not types(old) & types(new):
        return
    if _nullable(old) and not _nullable(new):
        yield f"{here} may not be null any more"
    for clause in (*_limits(old, new), *_texts(old, new), *_lists(old, new), *_rules(old, new)):
        yield f"{here} {clause}"
    if new.get("x-kubernetes-embedded-resource") and not old.get("x-kubernetes-embedded-resource"):
        yield f"{here} has to be an object with apiVersion and kind"
    yield from _inside(old, new, path)


def _type(schema: Schema) -> str:
    kinds = types(schema)
    return "of any type" if kinds == _TYPES else " or ".join(sorted(kinds))


def _nullable(schema: Schema) -> bool:
    return bool(schema.get("nullable")) or schema == OPEN


def _limits(old: Schema, new: Schema) -> Iterator[str]:
    for keyword, (smaller, exclusive) in _LIMITS.items():
        before, after = old.get(keyword), new.get(keyword)
        if after is None or (after == 0 and keyword.startswith("min") and not exclusive):
            continue
        excludes = bool(exclusive and new.get(exclusive))
        tighter = before is None or (after < before if smaller else after > before)
        if tighter or (after == before and excludes and not old.get(exclusive)):
            had = "" if before is None else f", had {before}"
            yield f"has {keyword} {after}{' (exclusive)' if excludes else ''}{had}"
    step, was = new.get("multipleOf"), old.get("multipleOf")
    if step and step != was and not (was and was % step == 0):
        yield f"takes multiples of {step} only"


def _texts(old: Schema, new: Schema) -> Iterator[str]:
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"has another pattern, {new['pattern']}"
    # A format that the API server does not know it does not check.
    form, was = new.get("format"), old.get("format")
    if form in FORMATS and form != was and (was, form) != ("int32", "int64"):
        yield f"has another format, {form}"
    if "enum" in new:
        gone = [one for one in old.get("enum", ()) if not _among(one, new["enum"])]
        if gone or "enum" not in old:
            yield f"takes only {', '.join(map(str, new['enum']))}"


def _among(value: Any, values: list[Any]) -> bool:
    return any(type(one) is type(value) and one == value for one in values)


def _lists(old: Schema, new: Schema) -> Iterator[str]:
    if new.get("uniqueItems") and not old.get("uniqueItems"):
        yield "takes an item once only"
    kind, was = new.get("x-kubernetes-list-type"), old.get("x-kubernetes-list-type")
    if kind == "set" and was != "set":
        yield "is a set: it takes an item once only"
    keys = new.get("x-kubernetes-list-map-keys", [])
    if kind == "map" and (
        was != "map" or set(old.get("x-kubernetes-list-map-keys", [])) - set(keys)
    ):
        yield f"is a map: of {', '.join(keys)} it takes each value once only"


def _rules(old: Schema, new: Schema) -> Iterator[str]:
    for keyword in ("allOf", "anyOf", "oneOf", "not"):
        if new.get(keyword) and new[keyword] != old.get(keyword):
            yield f"has another {keyword}"
    known = [one.get("rule") for one in old.get("x-kubernetes-validations", ())]
    for rule in new.get("x-kubernetes-validations", ()):
        if rule.get("rule") not in known:
            yield f"has a new rule, {rule.get('message') or rule.get('rule')}"


def _inside(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for name in new.get("required", ()):
        if name not in old.get("required", ()) and "default" not in (child(new, name) or {}):
            yield f"{path}.{name}".lstrip(".") + " is required"
    for name, inner in new.get("properties", {}).items():
        before = child(old, name)
        if before is not None and (path or name not in ENVELOPE):
            yield from _stricter(before, inner, f"{path}.{name}".lstrip("."))
    pairs = ((rest(old), rest(new), ".*"), (items(old), new.get("items"), "[]"))
    for one, other, mark in pairs:
        if one is not None and isinstance(other, dict) and other != OPEN:
            yield from _stricter(one, other, (path + mark).lstrip("."))
