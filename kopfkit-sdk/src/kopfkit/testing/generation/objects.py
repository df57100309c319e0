"""Whole objects: what the schema takes, what may lie in storage, and metadata around it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal

from hypothesis import strategies as st

from kopfkit.crd.structural import schema_in
from kopfkit.testing.generation.choices import Choices, DrawnChoices, RandomChoices, Unlucky
from kopfkit.testing.generation.schemas import Make, anything, maker

# valid: what the schema takes; newer: with fields it does not have yet; junk: anything anywhere.
Form = Literal["valid", "newer", "junk"]

_ENVELOPE: Final = ("apiVersion", "kind", "metadata")
# Names that no schema has: what a newer or an older program may have written, and what JSON
# pointers have to escape.
_UNKNOWN: Final = ("metadata", "unknown", "a/b", "~", "~1", "", "\u00e4")


class ObjectMaker:
    """Makes objects of one version of a CRD.

    Args:
        crd: the CustomResourceDefinition, as `custom_resource_definition` returns it.
        version: name of a version, e.g. "v1".
        without: top-level members to leave out, e.g. ("status",): what a create does not keep.
        annotations: names of annotations that may have any text, such as the one a converter
            uses: somebody may have written there.

    Raises:
        KopfkitError: nothing can be generated for a part of the schema; UnsupportedRule (one of
            them): a rule only the API server can judge.
    """

    def __init__(
        self,
        crd: dict[str, Any],
        version: str,
        *,
        without: Sequence[str] = (),
        annotations: Sequence[str] = (),
    ) -> None:
        schema = schema_in(crd, version)
        self._envelope = {
            "apiVersion": f"{crd['spec']['group']}/{version}",
            "kind": crd["spec"]["names"]["kind"],
        }
        content = {
            key: inner
            for key, inner in schema["properties"].items()
            if key not in (*_ENVELOPE, *without)
        }
        self._content = {"type": "object", "properties": content}
        self._make: Make = maker({**schema, "properties": content})
        self._top = tuple(content)
        self._names = tuple(dict.fromkeys([*_names(content), *_UNKNOWN]))
        self._annotations = ("note", *annotations)

    def valid(self, choices: Choices, name: str = "generated") -> dict[str, Any]:
        """An object that the API server takes."""
        return {
            **self._envelope,
            "metadata": self._metadata(choices, name),
            **self._make(choices),
        }

    def junk(self, choices: Choices, name: str = "generated") -> dict[str, Any]:
        """An object of the version with anything in some places, or in all."""
        obj = self.valid(choices, name)
        for _ in range(choices.integer(1, 3)):
            self._spoil(obj, choices)
        return obj

    def newer(self, choices: Choices, name: str = "generated") -> dict[str, Any]:
        """An object with fields that its version's schema does not have yet, beside valid ones."""
        obj = self.valid(choices, name)
        places = [obj, *_objects(obj, self._content)]
        for _ in range(choices.integer(1, 3)):
            unknown = choices.one_of(_UNKNOWN[1:])
            choices.one_of(places)[unknown] = anything(choices, self._names, depth=2)
        return obj

    def _spoil(self, obj: dict[str, Any], choices: Choices) -> None:
        """Put anything somewhere below a top-level member, or in place of it."""
        place: dict[str, Any] = obj
        key = choices.one_of([*self._top, "unknown"])
        while isinstance(inner := place.get(key), dict) and choices.chance(70):
            place = inner
            key = choices.one_of([*place, *self._names] if choices.chance(50) else self._names)
        place[key] = anything(choices, self._names, depth=2)

    def _metadata(self, choices: Choices, name: str) -> dict[str, Any]:
        metadata: dict[str, Any] = {"name": name, "namespace": "default"}
        if choices.chance(30):
            metadata["annotations"] = {
                key: choices.one_of(("", "a note", "{", '{"v1":{"spec":1}}', "你"))
                for key in self._annotations
                if choices.chance(60)
            }
            if not metadata["annotations"]:
                del metadata["annotations"]
        if choices.chance(20):
            metadata["labels"] = {"app": choices.one_of(("", "a", "b.c_d-e"))}
        return metadata

    def seeded(self, seed: int, form: Form = "valid") -> dict[str, Any]:
        """The object of a seed: the same seed makes the same object."""
        make: Callable[[Choices], dict[str, Any]] = getattr(self, form)
        attempt = 0
        while True:
            choices = RandomChoices(seed + (attempt << 40))
            try:
                return make(choices)
            except Unlucky:
                attempt += 1


def _objects(value: Any, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects inside a value that have fields of their own, not keys as a map has."""
    for key, inner in schema.get("properties", {}).items():
        if isinstance(value, dict) and isinstance(value.get(key), dict) and "properties" in inner:
            yield value[key]
            yield from _objects(value[key], inner)


def _names(properties: dict[str, Any]) -> list[str]:
    """Every property name in the schema."""
    found: list[str] = []
    for key, schema in properties.items():
        found.append(key)
        found += _names(schema.get("properties", {}))
        for part in ("items", "additionalProperties"):
            if isinstance(schema.get(part), dict):
                found += _names({"": schema[part]})[1:]
    return found


def objects(
    crd: dict[str, Any],
    version: str,
    *,
    form: Form = "valid",
    without: Sequence[str] = (),
    annotations: Sequence[str] = (),
) -> st.SearchStrategy[dict[str, Any]]:
    """A Hypothesis strategy for objects of a CRD's version; see ObjectMaker.

    Args:
        form: "valid" is what the schema takes, "newer" has fields besides that it does not have
            yet, "junk" has anything in any place, as it may lie in storage.
    """
    made = ObjectMaker(crd, version, without=without, annotations=annotations)

    @st.composite
    def strategy(draw: Any) -> dict[str, Any]:
        obj: dict[str, Any] = getattr(made, form)(DrawnChoices(draw))
        return obj

    return strategy()


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A Hypothesis strategy for values of one structural schema, e.g. of one field."""
    make = maker(schema)

    @st.composite
    def strategy(draw: Any) -> Any:
        return make(DrawnChoices(draw))

    return strategy()
