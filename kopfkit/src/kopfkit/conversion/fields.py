"""Which fields a version knows: what the API server will keep of a converted object.

After a conversion the API server removes every field that the target version's schema does not
have. The converter has to know beforehand, or a field that an older program passed through would be
lost without a word.
"""

from collections.abc import Mapping
from operator import is_
from typing import Any

from msgspec.inspect import DictType, ListType, Metadata, StructType, Type, UnionType, type_info

from kopfkit.crd.models import is_free, struct_of

# A tree over an object's known fields: dict for an object with these members, `[tree]` for a list,
# `{"*": tree}` for a map, None where everything is kept.
Fields = dict[str, Any] | list[Any] | None

_ANY = "*"


class KnownFields(dict[str, Any]):
    """The tree of a version's fields, and the types that it was made from.

    Attributes:
        types: of the top-level members; the converter restores nothing that they would not take.
    """

    def __init__(self, types: Mapping[str, type[Any]]) -> None:
        super().__init__(
            (name, None if is_free(kind) else _fields(type_info(struct_of(kind))))
            for name, kind in types.items()
        )
        self.types = types


def known_fields(**members: type[Any]) -> KnownFields:
    """The fields of an object whose top-level members have these types.

    `known_fields(spec=v1.Spec, status=v1.Status)`
    """
    return KnownFields(members)


def _fields(kind: Type) -> Fields:
    if isinstance(kind, Metadata):
        return _fields(kind.type)
    if isinstance(kind, UnionType):
        trees = [tree for tree in map(_fields, kind.types) if tree is not None]
        return trees[0] if len(trees) == 1 else None
    if isinstance(kind, StructType):
        return {field.encode_name: _fields(field.type) for field in kind.fields}
    if isinstance(kind, ListType):
        tree = _fields(kind.item_type)
        return None if tree is None else [tree]
    if isinstance(kind, DictType):
        tree = _fields(kind.value_type)
        return None if tree is None else {_ANY: tree}
    return None


def prune(value: Any, fields: Fields) -> Any:
    """The value without the members its version does not know.

    Never changes its argument, and gives it back itself where there is nothing to take away: what
    compares the two sees at once that they are the same.
    """
    if isinstance(fields, dict) and isinstance(value, dict):
        any_key = _ANY in fields
        kept: dict[Any, Any] = {}
        for key, item in value.items():
            if any_key or key in fields:
                tree = fields[_ANY if any_key else key]
                kept[key] = item if tree is None else prune(item, tree)
        if len(kept) == len(value) and all(map(is_, kept.values(), value.values())):
            return value
        return kept
    if isinstance(fields, list) and isinstance(value, list):
        items = [prune(item, fields[0]) for item in value]
        return value if all(map(is_, items, value)) else items
    return value
