"""What the API server drops when one structural schema takes the place of another.

apiextensions-apiserver pkg/apiserver/schema/pruning: below a field of the schema, a key stays if
`properties` or `additionalProperties` knows it, or `x-kubernetes-preserve-unknown-fields` is set;
`x-kubernetes-embedded-resource` knows apiVersion, kind and metadata.
"""

from collections.abc import Iterator
from typing import Any, Final

from kopfkit.crd.structural import admit

Object = dict[str, Any]
Schema = dict[str, Any]
ENVELOPE: Final = ("apiVersion", "kind", "metadata")
# The schema of anything at all.
OPEN: Final[Schema] = {"x-kubernetes-preserve-unknown-fields": True}


def lost(source: Schema, target: Schema) -> list[str]:
    """Fields that the source's schema keeps and the target's drops, the outermost only.

    "spec.*" stands for the keys that the source does not name.
    """
    found = dict.fromkeys(_lost(source, target, ""))
    return [path for path in found if path not in ENVELOPE]


def of_status(path: str) -> bool:
    """Whether a field is below status, which its controller writes again."""
    return path == "status" or path.startswith(("status.", "status["))


def lost_of(obj: Object, old: Schema, new: Schema) -> list[str]:
    """Paths of what an object, read by the old schema, loses by the new one."""
    before = admit(obj, old) if old.get("properties") else obj
    after = admit(before, new) if new.get("properties") else before
    return [path for path in _gone(before, after, "") if path not in ENVELOPE]


def child(schema: Schema, name: str) -> Schema | None:
    """The schema of a key of an object; None if the key is dropped."""
    if isinstance(found := schema.get("properties", {}).get(name), dict):
        return found
    if schema.get("x-kubernetes-embedded-resource") and name in ENVELOPE:
        return OPEN
    return rest(schema)


def rest(schema: Schema) -> Schema | None:
    """The schema of a key that the schema does not name; None if it is dropped."""
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        return others
    return OPEN if others or schema.get("x-kubernetes-preserve-unknown-fields") else None


def items(schema: Schema) -> Schema | None:
    """The schema of a list's items; None if it says nothing of lists."""
    found = schema.get("items")
    if isinstance(found, dict):
        return found
    return OPEN if schema.get("x-kubernetes-preserve-unknown-fields") else None


def _lost(source: Schema, target: Schema, path: str) -> Iterator[str]:
    if _either(source, target, "object"):
        names = {**source.get("properties", {}), **target.get("properties", {})}
        if source.get("x-kubernetes-embedded-resource"):
            names |= dict.fromkeys(ENVELOPE)
        for name in names:
            if path or name not in ENVELOPE:
                place = f"{path}.{name}".lstrip(".")
                yield from _between(child(source, name), child(target, name), place)
        yield from _between(rest(source), rest(target), f"{path}.*".lstrip("."))
    inner = items(source)
    if inner is not None and _either(source, target, "array"):
        # A list where the schema has none loses the members of its objects, too.
        yield from _between(inner, items(target) or {}, f"{path}[]")


def _either(source: Schema, target: Schema, kind: str) -> bool:
    """Whether values of a type are dropped in part, and not refused as a whole.

    What may be anything and has to be a string from now on is refused; what is an object by its
    schema has something to lose in any case.
    """
    if source.get("type") == kind:
        return True
    both = (source.get("type"), target.get("type"))
    return all(one in (None, kind) for one in both) and not any(
        one.get("x-kubernetes-int-or-string") for one in (source, target)
    )


def _between(source: Schema | None, target: Schema | None, path: str) -> Iterator[str]:
    if source is None or target == OPEN:
        return
    if target is None:
        yield path
    else:
        yield from _lost(source, target, path)


def _gone(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            place = f"{path}.{key}".lstrip(".")
            if key not in after:
                if value is not None:
                    yield place
            else:
                yield from _gone(value, after[key], place)
    elif isinstance(before, list) and isinstance(after, list):
        for at, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from _gone(one, other, f"{path}[{at}]")
