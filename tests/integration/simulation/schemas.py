"""Structural schemas, changes of them, and values, drawn by chance.

Keywords are those of which the API server makes something when it reads or writes an object.
"""

import copy
import random
from typing import Any

Schema = dict[str, Any]
KEYS = ("a", "b", "c", "d")
TEXTS = ("", "a", "ab", "abc", "A1", "10.0.0.1", "2026-11-24", "1h", "x y", "ü")
FORMATTED = {"ipv4": "10.0.0.1", "date": "2026-11-24"}
NUMBERS = (-3, 0, 1, 2, 4, 7, 1.5, 100)
SCALARS: tuple[Schema, ...] = (
    {"type": "string"},
    {"type": "string", "minLength": 1},
    {"type": "string", "maxLength": 2},
    {"type": "string", "pattern": "^[[:alpha:]]*$"},
    {"type": "string", "pattern": r"^\S*$"},
    {"type": "string", "pattern": r"^\p{Ll}*$"},
    {"type": "string", "enum": ["a", "ab", "x y"]},
    {"type": "string", "format": "ipv4"},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "of-our-own"},
    {"type": "string", "nullable": True},
    {"type": "string", "anyOf": [{"maxLength": 1}, {"pattern": "^ab"}]},
    {"type": "string", "oneOf": [{"minLength": 2}, {"pattern": "^a"}]},
    {"type": "string", "not": {"enum": ["ab"]}},
    {"type": "string", "default": "abc"},
    {"type": "integer"},
    {"type": "integer", "minimum": 1},
    {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
    {"type": "integer", "maximum": 4},
    {"type": "integer", "maximum": 4, "exclusiveMaximum": True},
    {"type": "integer", "multipleOf": 2},
    {"type": "number"},
    {"type": "number", "maximum": 4},
    {"type": "boolean"},
    {"x-kubernetes-int-or-string": True},
    {"x-kubernetes-preserve-unknown-fields": True},
)


def schema(chance: random.Random, depth: int = 3) -> Schema:
    """A schema; an object's more often than not."""
    kind = chance.random()
    if depth == 0 or kind < 0.3:
        return copy.deepcopy(chance.choice(SCALARS))
    if kind < 0.45:
        return _list(chance, depth)
    if kind < 0.55:
        return {"type": "object", "additionalProperties": schema(chance, depth - 1)}
    found: Schema = {"type": "object"}
    if names := [key for key in KEYS if chance.random() < 0.6]:
        found["properties"] = {key: schema(chance, depth - 1) for key in names}
        if chance.random() < 0.3:
            found["required"] = [chance.choice(names)]
    if chance.random() < 0.3:
        found["x-kubernetes-preserve-unknown-fields"] = True
    if chance.random() < 0.1:
        found["maxProperties"] = 2
    return found


def _list(chance: random.Random, depth: int) -> Schema:
    kind = chance.random()
    if kind < 0.3:
        items = {"type": "string"}
        return {"type": "array", "items": items, "x-kubernetes-list-type": "set"}
    if kind < 0.6:
        keys = {"a": {"type": "string"}, "b": schema(chance, 0)}
        items = {"type": "object", "properties": keys, "required": ["a"]}
        more = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]}
        return {"type": "array", "items": items, **more}
    found = {"type": "array", "items": schema(chance, depth - 1)}
    return {**found, "maxItems": 1} if kind < 0.7 else found


def changed(old: Schema, chance: random.Random) -> Schema:
    """Another schema: the old one with one to three changes anywhere in it."""
    found = {"root": copy.deepcopy(old)}
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(list(_places(found, "root")))
        holder[key] = _other(holder[key], chance)
    return found["root"]


def _places(holder: Any, key: str) -> Any:
    yield holder, key
    inner = holder[key]
    for name in inner.get("properties", ()):
        yield from _places(inner["properties"], name)
    for name in ("items", "additionalProperties"):
        if isinstance(inner.get(name), dict) and "x-kubernetes-list-type" not in inner:
            yield from _places(inner, name)


def _other(old: Schema, chance: random.Random) -> Schema:
    kind = chance.random()
    if kind < 0.2:
        return schema(chance, 1)
    found = copy.deepcopy(old)
    if kind < 0.6 and found.get("properties"):
        found["properties"].pop(chance.choice(list(found["properties"])))
        found.pop("required", None)
    elif kind < 0.75 and found.get("type") == "object":
        found.pop("x-kubernetes-preserve-unknown-fields", None)
        found.pop("additionalProperties", None)
    elif kind < 0.85 and found.get("type") == "object" and "additionalProperties" not in found:
        found["x-kubernetes-preserve-unknown-fields"] = True
    elif found.get("type") in ("string", "integer"):
        same = [one for one in SCALARS if one.get("type") == found["type"]]
        return copy.deepcopy(chance.choice(same))
    elif found.get("type") == "array":
        for name in ("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "maxItems"):
            found.pop(name, None)
    return found


def value(of: Schema, chance: random.Random, depth: int = 4) -> Any:
    """A value that mostly fits."""
    if "enum" in of:
        return chance.choice(of["enum"])
    kind = of.get("type")
    if of.get("x-kubernetes-int-or-string"):
        return chance.choice((1, "50%"))
    if kind == "array":
        return [value(of["items"], chance, depth - 1) for _ in range(chance.randint(0, 2))]
    if kind == "object" or (kind is None and depth > 0 and chance.random() < 0.6):
        return _object(of, chance, depth)
    if kind == "boolean":
        return chance.random() < 0.5
    if kind in ("integer", "number"):
        whole = [one for one in NUMBERS if kind == "number" or isinstance(one, int)]
        return chance.choice([one for one in whole if _within(of, one)])
    length = (of.get("minLength", 0), of.get("maxLength", 100))
    texts = [one for one in TEXTS if length[0] <= len(one) <= length[1]]
    return FORMATTED.get(of.get("format", "")) or chance.choice(texts)


def _within(of: Schema, number: float) -> bool:
    low = of.get("minimum", -1000) < number or (
        of.get("minimum") == number and not of.get("exclusiveMinimum")
    )
    high = of.get("maximum", 1000) > number or (
        of.get("maximum") == number and not of.get("exclusiveMaximum")
    )
    return low and high and number % of.get("multipleOf", 1) in (0, number % 1)


def _object(of: Schema, chance: random.Random, depth: int) -> dict[str, Any]:
    found = {}
    for name, inner in of.get("properties", {}).items():
        if name in of.get("required", ()) or chance.random() < 0.7:
            found[name] = value(inner, chance, depth - 1)
    others = of.get("additionalProperties")
    if others is None and of.get("x-kubernetes-preserve-unknown-fields"):
        others = {}
    if isinstance(others, dict) and depth > 0:
        for name in KEYS:
            if name not in found and chance.random() < 0.4:
                found[name] = value(others, chance, depth - 1)
    return found
