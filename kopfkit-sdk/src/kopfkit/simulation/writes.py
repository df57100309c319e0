"""What the API server asks of an object at a write and OLM does not: rules in CEL, lists of type
set and map, embedded resources.

apiextensions-apiserver pkg/apiserver/schema/cel, /listtype and /objectmeta.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from kopfkit.crd.cel.errors import CelError
from kopfkit.crd.errors import CrdError
from kopfkit.crd.structural import broken_rules

Object = dict[str, Any]
Schema = dict[str, Any]


def refused(obj: Object, schema: Schema) -> tuple[list[tuple[str, str]], list[str]]:
    """(field, why) of what a write is refused for, and what cannot be checked here, as clauses.

    Args:
        obj: pruned, with defaults, and of the right types.
    """
    content = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}
    found = list(_shapes(content, schema, "", top=True))
    try:
        rules = [(path.removeprefix("."), why) for path, why in broken_rules(content, schema)]
    except CrdError as error:
        return found, [error.why]
    except (CelError, re.error, RecursionError, OverflowError, TypeError, ValueError) as error:
        return found, [f"a rule ({error})"]
    return [*found, *rules], []


def _shapes(
    value: Any, schema: Schema, path: str, *, top: bool = False
) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        yield from _twice(value, schema, path)
        if isinstance(inner := schema.get("items"), dict):
            for at, item in enumerate(value):
                yield from _shapes(item, inner, f"{path}[{at}]")
    if not isinstance(value, dict):
        return
    if schema.get("x-kubernetes-embedded-resource") and not top:
        for name in ("apiVersion", "kind"):
            if not value.get(name):
                yield f"{path}.{name}", "must not be empty in an embedded resource"
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, item in value.items():
        inner = known.get(name, others)
        if isinstance(inner, dict):
            yield from _shapes(item, inner, f"{path}.{name}".lstrip("."))


def _twice(value: list[Any], schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    kind = schema.get("x-kubernetes-list-type")
    if kind not in ("set", "map"):
        return
    keys = schema.get("x-kubernetes-list-map-keys", [])
    seen = set()
    for at, item in enumerate(value):
        if kind == "map" and isinstance(item, dict):
            item = [item.get(key) for key in keys]
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            yield f"{path}[{at}]", "is there twice"
        seen.add(text)
