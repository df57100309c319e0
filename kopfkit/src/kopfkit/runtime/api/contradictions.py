"""What in a live object contradicts the wanted one, beyond the fields that have another value.

Server-side apply sets the fields that are wanted and leaves what belongs to others. So it adds our
entry of a list beside the one whose merge key somebody changed, and our member of a union beside
the one that somebody chose instead; the API server then refuses both (kubernetes#118725, #131147).
Such entries and members are found here, from the wanted object, the live one and the facts about
their kind (`schemas`). `managedfields.take_over` makes them ours, and the next apply removes them.

Pure. Foreign fields and items that contradict nothing are not reported.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from kopfkit.runtime.api.schemas import ANY_OTHER, Rule, Schema

# A field's name, or the merge keys of a list's item and their values.
Step: TypeAlias = str | tuple[tuple[str, Any], ...]
Path: TypeAlias = tuple[Step, ...]

_NO_RULE: Final = Rule()
_NONE: Final[frozenset[Any]] = frozenset()
# Characters of a value shown in a message.
_SHOWN: Final = 60


@dataclass(frozen=True)
class Contradiction:
    """One field or item that has to go.

    Attributes:
        path: where it is.
        value: what is there.
        duplicate: whether the path has two items; an apply makes them one.
    """

    path: Path
    value: Any
    duplicate: bool = False

    def __str__(self) -> str:
        why = "duplicate" if self.duplicate else "contradicts what is wanted"
        text = repr(self.value)
        shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
        return f"{written(self.path)}: {shown} -> nothing ({why})"


def written(path: Path) -> str:
    """A path as people read it: spec.ports[8888,TCP].name."""
    text = ""
    for step in path:
        if isinstance(step, str):
            text += f".{step}"
        else:
            text += f"[{','.join(str(value) for _, value in step)}]"
    return text.removeprefix(".")


def contradictions(
    wanted: Mapping[str, Any], live: Mapping[str, Any], schema: Schema
) -> list[Contradiction]:
    """All that has to go from `live` before `wanted` can be applied to it.

    Args:
        wanted: what is applied.
        live: the object as it is; anything that is not what the API serves is passed over.
        schema: the facts about the kind, and what of it is the operator's alone.
    """
    return list(_struct(wanted, live, "", (), schema))


def _struct(
    wanted: Mapping[str, Any], live: Any, place: str, path: Path, schema: Schema
) -> Iterator[Contradiction]:
    if not isinstance(live, Mapping):
        return
    rule = schema.get(place, _NO_RULE)
    excluded = rule.excludes(wanted)
    for name, value in live.items():
        below, taken = _join(place, name), _taken(wanted, place, name, schema)
        if name not in wanted:
            if (name in excluded or excluded is ANY_OTHER) and value is not None:
                # An empty member of a union is one, too: `emptyDir: {}`.
                yield Contradiction((*path, name), value)
            elif _claimed(rule, name, value):
                yield Contradiction((*path, name), value)
            else:
                # Items and fields of it may still be ours to say although none is wanted.
                yield from _unwanted(value, below, (*path, name), schema, taken)
            continue
        yield from _value(wanted[name], value, below, (*path, name), schema, taken)


def _taken(wanted: Mapping[str, Any], place: str, name: str, schema: Schema) -> frozenset[Any]:
    """What items of a list may not have for the sake of a wanted list beside it."""
    beside = schema.get(_join(place, name), _NO_RULE).beside
    return _identities(wanted.get(beside) or (), schema[_join(place, beside)]) if beside else _NONE


def _identities(wanted: Iterable[Any], rule: Rule) -> frozenset[Any]:
    mappings = (item for item in wanted if isinstance(item, Mapping))
    return frozenset(each for item in mappings for each in rule.identities(item))


def _claimed(rule: Rule, name: str, value: Any) -> bool:
    """Whether a field that is not wanted is the operator's alone, and says something."""
    if value is None or (name in (rule.defaults or {}) and value == (rule.defaults or {})[name]):
        return False
    if isinstance(rule.reserved, bool):
        # Of what a struct has nothing is known here: `runAsNonRoot: false` is no less than `true`.
        return rule.reserved
    return name in rule.reserved and not _empty(value)


def _empty(value: Any) -> bool:
    """Whether a value says nothing: `hostNetwork: false` asks for what is there anyway. A number
    does say something (`runAsUser: 0`), and in Python equals False."""
    return value is None or value is False or value in ("", {}, [])


def _value(
    wanted: Any, live: Any, place: str, path: Path, schema: Schema, taken: frozenset[Any]
) -> Iterator[Contradiction]:
    if isinstance(wanted, Mapping):
        yield from _struct(wanted, live, place, path, schema)
    elif isinstance(wanted, list):
        rule = schema.get(place, _NO_RULE)
        if rule.keys:
            yield from _keyed(wanted, live, place, path, schema, taken)
        elif rule.atomic and _exceeds(wanted, live):
            yield Contradiction(path, live)


def _exceeds(wanted: Any, live: Any) -> bool:
    """Whether a value has something that the wanted one has not. Another value is a difference, and
    found elsewhere."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return any(
            _exceeds(wanted[name], value) if name in wanted else not _empty(value)
            for name, value in live.items()
        )
    if isinstance(wanted, list) and isinstance(live, list):
        return any(_exceeds(one, other) for one, other in zip(wanted, live, strict=False))
    return False


def _unwanted(
    value: Any, place: str, path: Path, schema: Schema, taken: frozenset[Any]
) -> Iterator[Contradiction]:
    if isinstance(value, list) and schema.get(place, _NO_RULE).keys:
        yield from _keyed([], value, place, path, schema, taken)
    elif isinstance(value, Mapping) and place in schema:
        yield from _struct({}, value, place, path, schema)


def _keyed(
    wanted: list[Any],
    live: Any,
    place: str,
    path: Path,
    schema: Schema,
    taken: frozenset[Any],
) -> Iterator[Contradiction]:
    rule = schema[place]
    ours = {rule.key(item): item for item in wanted if isinstance(item, Mapping)}
    taken |= _identities(wanted, rule)
    # Two items without a name are refused, whatever else they have.
    if "" in rule.identities({}) and ours:
        taken |= {""}
    seen: set[tuple[Any, ...]] = set()
    for item in live if isinstance(live, list) else []:
        if not isinstance(item, Mapping):
            continue
        key = rule.key(item)
        here = (*path, tuple(zip(rule.keys, key, strict=True)))
        try:
            twice, mine = key in seen, ours.get(key)
            seen.add(key)
        except TypeError:  # not what the API serves
            continue
        if mine is not None:
            if twice:
                yield Contradiction(here, dict(item), duplicate=True)
            else:
                yield from _struct(mine, item, f"{place}[]", here, schema)
        elif (rule.reserved is True and not _exempt(item, rule)) or taken & rule.identities(item):
            yield Contradiction(here, dict(item))


def _exempt(item: Mapping[str, Any], rule: Rule) -> bool:
    return rule.unless is not None and all(
        item.get(name) == value for name, value in rule.unless.items()
    )


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
