"""Which values of the annotation are restored: those that the target version would have taken.

Whoever may write an object writes its annotations. A value that comes out of one has passed no API
server: it is restored only if the result conforms to the target version's schema and rules, as far
as the plain conversion does. The identity of the object (apiVersion, kind, metadata) is never
restored, and neither is its status: a tenant may write annotations where it may not write a status,
and an operator computes its status again. Fields that the schema known here does not have are
passed on: a later release may have them, and otherwise the API server removes them.

Nor is a value restored that changes what the version that was read says: it has a place for such a
value, so it is what was written there, and what rules on that place looked at. Converted back, a
field must be as it is without the value, or as it was read (`says`).

Where the kept and the native values conform each by themselves and break a rule together, somebody
has changed one of them through a version that cannot show the other (a number of pods that a volume
excludes). Then the native value yields to its default and the converter keeps it for the version
that it came from: nothing is lost, and the target's rules hold.
"""

from collections.abc import Callable, Collection
from typing import Any, Final

from kopfkit.conversion.differences import ABSENT, Change, Changes, apply, same
from kopfkit.conversion.fields import Fields, KnownFields
from kopfkit.conversion.judging import Fault, MemberSchema, blames
from kopfkit.crd.schema import schema_of

Content = dict[str, Any]
# The changes by the field of the member that they are in; "" for the member itself and for fields
# that it does not have, with which nothing can be wrong.
_Groups = dict[str, dict[str, Change]]

# Members of an object that no annotation has a say in.
UNTOUCHABLE: Final = frozenset({"apiVersion", "kind", "metadata", "status"})


def restorable(changes: Changes) -> dict[str, Change]:
    """The changes whose pointers lead to what may be restored at all.

    Of two that meet, the outer one: a difference has no such two, and each of the rest then counts
    whether or not the others do.
    """
    found: dict[tuple[str, ...], str] = {}
    for pointer in changes:
        path = tuple(map(_unescape, pointer.split("/")[1:]))
        if path[0] not in UNTOUCHABLE:
            found[path] = pointer
    return {
        pointer: changes[pointer]
        for path, pointer in found.items()
        if not any(path[:length] in found for length in range(1, len(path)))
    }


def says(content: Content, *allowed: Content) -> bool:
    """Whether each field of the content's members is as it is in one of `allowed`; a member that is
    missing is as an empty one. Identity, metadata and status are not looked at."""
    names = {name for each in (content, *allowed) for name in each} - UNTOUCHABLE
    for name in names:
        found, *others = (each.get(name, {}) for each in (content, *allowed))
        if any(same(found, other) for other in others):
            continue
        if not all(isinstance(each, dict) for each in (found, *others)):
            return False
        for field in {field for each in (found, *others) for field in each}:
            value = found.get(field, ABSENT)
            if not any(same(value, other.get(field, ABSENT)) for other in others):
                return False
    return True


class Judge:
    """Knows what one version takes.

    Args:
        fields: of `known_fields`; None or a tree without types: everything is taken.

    Raises:
        KopfkitError: a format or a rule cannot be checked here.
    """

    def __init__(self, fields: Fields) -> None:
        types = fields.types if isinstance(fields, KnownFields) else {}
        self._members = {
            name: MemberSchema(name, schema_of(kind, f".{name}"))
            for name, kind in types.items()
            if name not in UNTOUCHABLE
        }

    def restore(
        self, plain: Content, changes: Changes, unseen: Callable[[Changes], bool] | None = None
    ) -> tuple[Content, Changes]:
        """The content with those changes made that are taken, and which these are.

        Args:
            plain: what the operator's function made; it is not changed.
            changes: `restorable` ones.
            unseen: whether what was read says the same with these changes as without; None: they
                may change it.
        """
        if unseen is not None and not unseen(changes):
            changes = self._chosen(changes, unseen)
        content, accepted = self._taken(plain, changes)
        if unseen is not None and len(accepted) < len(changes) and not unseen(accepted):
            return plain, {}
        return content, accepted

    def _chosen(self, changes: Changes, unseen: Callable[[Changes], bool]) -> Changes:
        """Those that are not seen, field by field; the fields of which no schema is known are one,
        so that they are no more than the schema has."""
        found = [group for groups in self._grouped(changes).values() for group in groups.values()]
        known = {pointer for group in found for pointer in group}
        found.append({pointer: changes[pointer] for pointer in changes if pointer not in known})
        chosen: dict[str, Change] = {}
        for group in found * 2:  # one may need another that comes after it
            if unseen(chosen | group):
                chosen |= group
        return chosen

    def _taken(self, plain: Content, changes: Changes) -> tuple[Content, Changes]:
        """The content with the changes that the schema and the rules take, and which these are."""
        content = apply(plain, changes)
        accepted = changes
        for name, groups in self._grouped(changes).items():
            member = _Restored(name, self._members[name], plain, groups)
            if not member.new_faults(content, groups):
                continue
            settled, taken = member.settle()
            content = {key: value for key, value in content.items() if key != name}
            if name in settled:
                content[name] = settled[name]
            refused = {pointer for group in groups.values() for pointer in group} - taken.keys()
            accepted = {each: accepted[each] for each in accepted if each not in refused}
        return content, accepted

    def _grouped(self, changes: Changes) -> dict[str, _Groups]:
        """The changes of each member that has a schema, in groups."""
        members: dict[str, _Groups] = {}
        for pointer, change in changes.items():
            name, field = _head(pointer)
            if name in self._members:
                group = field if field in self._members[name].fields else ""
                members.setdefault(name, {}).setdefault(group, {})[pointer] = change
        return members


class _Restored:
    """One member of one object, and which groups of changes are taken in it."""

    def __init__(self, name: str, schema: MemberSchema, plain: Content, groups: _Groups) -> None:
        self._name, self._schema, self._plain, self._groups = name, schema, plain, groups

    def new_faults(self, content: Content, fields: Collection[str]) -> set[Fault]:
        """What is wrong in these fields, or with the whole, and is not in the plain conversion."""
        found = self._faults(content, fields)
        return found - self._faults(self._plain, fields) if found else found

    def settle(self) -> tuple[Content, dict[str, Change]]:
        """The content with the changes that are taken, and these."""
        sound = [field for field in self._groups if not self._faulty(field)]
        content, taken = self._with(sound)
        faults = self.new_faults(content, sound)
        if not faults:
            return content, taken
        if (reconciled := self._yielding(content, sound, faults)) is not None:
            return reconciled, taken
        chosen: list[str] = []
        for field in sorted(sound) * 2:  # one may need another that comes after it
            tried, _ = self._with([*chosen, field])
            if field not in chosen and not self.new_faults(tried, sound):
                chosen.append(field)
        return self._with(chosen)

    def _yielding(
        self, content: Content, taken: Collection[str], faults: set[Fault]
    ) -> Content | None:
        """The content with native fields at their defaults, if that ends the contradiction: those
        that the rules blame, or else the first one that does."""
        member = content[self._name]
        natives = [field for field in member if field in self._schema.fields and field not in taken]
        blamed = [field for field in natives if any(blames(fault, field) for fault in faults)]
        for fields in (blamed, *([field] for field in natives)):
            rest = {key: value for key, value in member.items() if key not in fields}
            for field in fields:
                rest |= self._schema.default(field)
            tried = {**content, self._name: rest}
            if not self.new_faults(tried, taken):
                return tried
        return None

    def _faulty(self, field: str) -> bool:
        """Whether a group is wrong by itself, whatever else there is."""
        content, _ = self._with([field])
        found = self.new_faults(content, [field])
        return bool(found - self._schema.whole(content.get(self._name)))

    def _with(self, fields: Collection[str]) -> tuple[Content, dict[str, Change]]:
        taken = {key: change for field in fields for key, change in self._groups[field].items()}
        return apply(self._plain, taken), taken

    def _faults(self, content: Content, fields: Collection[str]) -> set[Fault]:
        if self._name not in content:
            return set()
        return self._schema.faults(content[self._name], fields)


def _head(pointer: str) -> tuple[str, str]:
    """The first two parts of a JSON pointer, "" where there is none."""
    parts = pointer.split("/", 3)
    field = parts[2] if len(parts) > 2 else ""
    if "~" in pointer:
        return _unescape(parts[1]), _unescape(field)
    return parts[1], field


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
