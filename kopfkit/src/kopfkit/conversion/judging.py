"""What is wrong with one member of an object (its spec) in a version: types, limits, rules.

Judged field by field, since most fields of most objects have the same few values: what was found
out about a value is remembered, which makes judging an object cheap enough for every conversion.
"""

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any, Final

import msgspec

from kopfkit.crd.cel import compile_rule
from kopfkit.crd.conformity import check_formats, misfits
from kopfkit.crd.structural import broken_rules, defaulted, pruned

Schema = dict[str, Any]
# (path of the field inside the member, what is wrong with it).
Fault = tuple[str, str]

# Values that are remembered for each member, and how large each may be in bytes of JSON: half a
# megabyte at most.
_REMEMBERED: Final = 512
_SMALL: Final = 1024
_RULES: Final = "x-kubernetes-validations"


class MemberSchema:
    """Judges values of one top-level member.

    Args:
        name: of the member, for errors.
        schema: its structural schema.

    Raises:
        KopfkitError: a format or a rule in it cannot be checked here.
    """

    def __init__(self, name: str, schema: Schema) -> None:
        check_formats(schema, f".{name}")
        for rule in _rules(schema):
            compile_rule(rule["rule"])
        self._schema = schema
        self.fields: Mapping[str, Schema] = schema.get("properties", {})
        self._own_rules = {_RULES: schema.get(_RULES, ())}
        self._required = schema.get("required", ())
        self._defaults = defaulted({}, schema)
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._of_text)

    def default(self, field: str) -> dict[str, Any]:
        """The field with its default, {} if it has none."""
        schema = self.fields[field]
        return {field: deepcopy(schema["default"])} if "default" in schema else {}

    def faults(self, value: Any, fields: Collection[str]) -> set[Fault]:
        """What is wrong with these fields of the member and with the member as a whole.

        Args:
            value: the member, as it was converted.
            fields: names of fields; "" for all.
        """
        if not isinstance(value, dict):
            return set(misfits(value, self._schema))
        found: set[Fault] = set()
        for field in self.fields if "" in fields else fields:
            if field in value:
                found.update(self._judged(field, value[field])[0])
        return found | self.whole(value)

    def whole(self, value: Any) -> set[Fault]:
        """What is wrong with the member as a whole: missing fields, rules over several."""
        if not isinstance(value, dict):
            return set()
        filled = dict(self._defaults)
        for field, item in value.items():
            if item is not None and field in self.fields:
                if isinstance(item, dict | list):
                    item = self._judged(field, item)[1]
                filled[field] = item
        missing = {(f".{field}", "is missing") for field in self._required if field not in filled}
        return missing | set(broken_rules(filled, self._own_rules))

    def _judged(self, field: str, value: Any) -> tuple[tuple[Fault, ...], Any]:
        """What is wrong with a field by itself, and its value as the API server sees it."""
        if value is None and not self.fields[field].get("nullable"):
            return (), None  # taken away by the API server
        text = msgspec.json.encode(value)
        if len(text) > _SMALL:
            return self._of_text(field, text)
        return self._remembered(field, text)

    def _of_text(self, field: str, text: bytes) -> tuple[tuple[Fault, ...], Any]:
        schema = self.fields[field]
        value = defaulted(pruned(msgspec.json.decode(text), schema), schema)
        found = tuple(misfits(value, schema, f".{field}"))
        # Rules are for values of the right types and lengths, as in the API server.
        return found or tuple(broken_rules(value, schema, None, f".{field}")), value


def blames(fault: Fault, field: str) -> bool:
    """Whether a fault (".replicas", ".service.port") is in a field of the member."""
    path = fault[0]
    return path == f".{field}" or path.startswith((f".{field}.", f".{field}["))


def _rules(schema: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Every rule of a schema."""
    yield from schema.get(_RULES, ())
    for inner in schema.get("properties", {}).values():
        yield from _rules(inner)
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from _rules(schema[part])
