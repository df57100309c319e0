"""Two structural schemas side by side: what one loses of the other, where one is stricter."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_ENVELOPE = ("apiVersion", "kind", "metadata")
# Keyword, and whether a smaller value is stricter.
_LIMITS = {
    "maximum": True,
    "maxLength": True,
    "maxItems": True,
    "maxProperties": True,
    "minimum": False,
    "minLength": False,
    "minItems": False,
    "minProperties": False,
}


def lost(source: Schema, target: Schema) -> list[str]:
    """Fields that are in the source's schema and that the target's prunes, the outermost only."""
    return [path for path in _lost(source, target, "") if path not in _ENVELOPE]


def _lost(source: Schema, target: Schema, path: str) -> Iterator[str]:
    known, others = target.get("properties", {}), target.get("additionalProperties")
    for name, inner in source.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        there = known.get(name, others if isinstance(others, dict) else None)
        if there is not None:
            yield from _lost(inner, there, place)
        elif not others and not target.get("x-kubernetes-preserve-unknown-fields"):
            yield place
    for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
        inner, there = source.get(key), target.get(key)
        if isinstance(inner, dict) and isinstance(there, dict):
            yield from _lost(inner, there, path + mark)


def stricter(old: Schema, new: Schema) -> list[str]:
    """Where the new schema may refuse what the old one took, each as a clause.

    Fields that are gone are not among them (see `lost`). Of rules in CEL only new ones count: which
    of two rules is stricter nobody can tell from their text.
    """
    return list(_stricter(old, new, ""))


def _stricter(old: Schema, new: Schema, path: str) -> Iterator[str]:
    here = path or "the object"
    if old.get("type") != new.get("type") and not new.get("x-kubernetes-int-or-string"):
        yield f"{here} is {new.get('type')}, was {old.get('type')}"
        return
    if old.get("nullable") and not new.get("nullable"):
        yield f"{here} may not be null any more"
    for keyword, smaller in _LIMITS.items():
        before, after = old.get(keyword), new.get(keyword)
        if after is None or before == after:
            continue
        if before is None or (after < before if smaller else after > before):
            yield f"{here} has {keyword} {after}" + ("" if before is None else f", had {before}")
    for keyword in ("pattern", "format"):
        if keyword in new and new[keyword] != old.get(keyword):
            yield f"{here} has another {keyword}, {new[keyword]}"
    if "enum" in new:
        gone = [each for each in old.get("enum", ()) if each not in new["enum"]]
        if gone or "enum" not in old:
            yield f"{here} takes only {', '.join(map(str, new['enum']))}"
    rules = [each["rule"] for each in old.get("x-kubernetes-validations", ())]
    for rule in new.get("x-kubernetes-validations", ()):
        if rule["rule"] not in rules:
            yield f"{here} has a new rule, {rule.get('message') or rule['rule']}"
    yield from _inside(old, new, path)


def _inside(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in new.get("required", ()):
        if name not in old.get("required", ()) and "default" not in after.get(name, {}):
            yield f"{path}.{name}".removeprefix(".") + " is required"
    for name, inner in after.items():
        if name in before and (path or name not in _ENVELOPE):
            yield from _stricter(before[name], inner, f"{path}.{name}".removeprefix("."))
    for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
        one, other = old.get(key), new.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _stricter(one, other, path + mark)
