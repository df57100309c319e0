"""The fields that the API server knows of a kind, and values that their schemas allow."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kopfkit.testing.client import Api

_PREFIX = "#/components/schemas/"
# How deep a value goes; JSON schemas of CRDs contain themselves.
_DEPTH = 5


@dataclass(frozen=True)
class Schemas:
    """What an API server says of its own groups at /openapi/v3."""

    known: dict[str, Any]

    @classmethod
    def of(cls, api: Api, *groups: str) -> "Schemas":
        """Of some groups, by their paths: "api/v1", "apis/apps/v1"."""
        known: dict[str, Any] = {}
        for group in groups:
            known |= api.get(f"/openapi/v3/{group}")["components"]["schemas"]
        return cls(known)

    def spec(self, obj: Any) -> Any:
        """The schema of the spec of an object of some kind."""
        group, _, version = obj["apiVersion"].rpartition("/")
        it = {"group": group, "kind": obj["kind"], "version": version}
        for schema in self.known.values():
            if it in schema.get("x-kubernetes-group-version-kind", ()):
                return self.resolved(schema["properties"]["spec"])
        raise LookupError(it)

    def resolved(self, schema: Any) -> Any:
        """A schema in place of the reference to it."""
        refers = schema.get("$ref") or next(
            (each["$ref"] for each in schema.get("allOf", ()) if "$ref" in each), None
        )
        return self.known[refers.removeprefix(_PREFIX)] if refers else schema

    def value(self, choose: random.Random, schema: Any, depth: int = _DEPTH) -> Any:
        """A value that says something, and that the schema allows; rules between fields, and forms
        of texts, are the API server's own."""
        schema = self.resolved(schema)
        if "enum" in schema:
            return choose.choice([each for each in schema["enum"] if each])
        kind = schema.get("type")
        if kind == "array":
            return [self.value(choose, schema["items"], depth - 1)]
        if kind == "boolean":
            return True
        if kind in ("integer", "number"):
            return choose.choice((1, 1, 2, 30, 8080))
        if kind == "object" and "properties" in schema and depth > 0:
            fields = schema["properties"]
            required = schema.get("required", [])
            optional = sorted(set(fields) - set(required))
            names = [*required, *choose.sample(optional, min(len(optional), 1))]
            return {name: self.value(choose, fields[name], depth - 1) for name in names}
        if kind == "object":
            return {"a": self.value(choose, schema.get("additionalProperties", {}), depth - 1)}
        # Text, numbers as text, quantities: most of them are names or amounts.
        return choose.choice(("1", "a", "/a"))

    def unset(
        self, schema: Any, wanted: list[Any], place: str = "spec"
    ) -> Iterator[tuple[str, Any]]:
        """Fields that none of some structs has, and their schemas: of the structs themselves, and
        of what is in them.

        Args:
            schema: of the structs.
            wanted: the structs; what is none is passed over.
            place: of them, as in `kopfkit.runtime.api.schemas`.
        """
        for name, below in self.resolved(schema).get("properties", {}).items():
            values = [each[name] for each in wanted if isinstance(each, dict) and name in each]
            here, inner = f"{place}.{name}", self.resolved(below)
            if not values:
                yield here, below
            elif inner.get("type") == "array":
                items = [item for each in values for item in each]
                yield from self.unset(inner["items"], items, f"{here}[]")
            else:
                yield from self.unset(inner, values, here)
