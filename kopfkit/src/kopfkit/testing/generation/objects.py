"""Whole objects: what the schema takes, what may lie in storage, and metadata around it."""

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st

from kopfkit.crd.structural import schema_in
from kopfkit.testing.generation.choices import Choices, DrawnChoices, RandomChoices, Unlucky
from kopfkit.testing.generation.schemas import Make, anything, maker

_ENVELOPE: Final = ("apiVersion", "kind", "metadata")
# Names that no schema has: what a newer or an older program may have written, and what JSON
# pointers have to escape.
_UNKNOWN: Final = ("unknown", "a/b", "~", "~1", "", "metadata", "\u00e4")


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

    def seeded(self, seed: int, *, junk: bool = False) -> dict[str, Any]:
        """The object of a seed: the same seed makes the same object."""
        attempt = 0
        while True:
            choices = RandomChoices(seed + (attempt << 40))
            try:
                return self.junk(choices) if junk else self.valid(choices)
            except Unlucky:
                attempt += 1


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
    junk: bool = False,
    without: Sequence[str] = (),
    annotations: Sequence[str] = (),
) -> st.SearchStrategy[dict[str, Any]]:
    """A Hypothesis strategy for objects of a CRD's version; see ObjectMaker.

    Args:
        junk: anything in any place, as it may lie in storage, instead of what the schema takes.
    """
    made = ObjectMaker(crd, version, without=without, annotations=annotations)

    @st.composite
    def strategy(draw: Any) -> dict[str, Any]:
        choices = DrawnChoices(draw)
        return made.junk(choices) if junk else made.valid(choices)

    return strategy()


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A Hypothesis strategy for values of one structural schema, e.g. of one field."""
    make = maker(schema)

    @st.composite
    def strategy(draw: Any) -> Any:
        return make(DrawnChoices(draw))

    return strategy()
