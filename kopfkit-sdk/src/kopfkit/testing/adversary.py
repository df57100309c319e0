"""A tenant who may write one kind of object, and writes what harms others: an adversary for tests.

    ADVERSARY = Adversary(CONVERTER, CRD)

    @given(ADVERSARY.objects())
    def test_a_tenant_harms_nobody(obj):
        ADVERSARY.check(obj)

Every byte that the API server lets somebody choose is hostile: the converter's annotation (junk,
forged pointers, values of any type, another object's, garbled, huge), other annotations up to the
limit, labels, and a spec at its schema's limits. `check` says what must hold of each answer, and
of answers about parts of the object, as server-side apply asks for them.

What no picture of the API server can show (that LIST and watch go on for everybody) is asked of a
real one, as HelloWorld's tests/integration/conversion/test_adversary.py does.
"""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from kopfkit.conversion import Converter
from kopfkit.conversion.annotation import ANNOTATIONS_LIMIT, size
from kopfkit.crd.conformity import misfits
from kopfkit.crd.structural import admit, broken_rules, schema_in
from kopfkit.testing.generation.choices import Choices, DrawnChoices, RandomChoices, Unlucky
from kopfkit.testing.generation.hostile import HostileMetadata
from kopfkit.testing.generation.objects import ObjectMaker
from kopfkit.testing.versions import Versions

__all__ = [
    "Adversary",
    "Object",
]

Object = dict[str, Any]
_ENVELOPE = ("apiVersion", "kind", "metadata")


class Adversary:
    """Makes hostile objects of a kind, and checks what a converter answers to them.

    Args:
        converter: under test.
        crd: the CustomResourceDefinition, as `custom_resource_definition` returns it.
    """

    def __init__(self, converter: Converter, crd: Object) -> None:
        self._converter = converter
        self._versions = Versions(converter, crd)
        self.names = self._versions.names
        self._schemas = {name: schema_in(crd, name) for name in self.names}
        self._makers = {name: ObjectMaker(crd, name) for name in self.names}
        self._metadata = HostileMetadata(converter.annotation, self._schemas)

    def make(self, choices: Choices, name: str = "hostile") -> Object:
        """An object that the API server takes."""
        version = choices.one_of(self.names)
        obj = self._makers[version].valid(choices, name)
        copied = ""
        if choices.chance(25):
            other = self._makers[choices.one_of(self.names)].valid(choices)
            target = choices.one_of(self.names)
            there = self._versions.convert(other, target)
            copied = there["metadata"].get("annotations", {}).get(self._converter.annotation, "")
        metadata: Object = {"name": name, "namespace": "default", "uid": "0"}
        plain = [self._versions.convert(obj, each) for each in self.names if each != version]
        for key, made in (
            ("annotations", self._metadata.annotations(choices, copied, plain)),
            ("labels", self._metadata.labels(choices)),
        ):
            if made:
                metadata[key] = made
        return {**obj, "metadata": metadata}

    def seeded(self, seed: int, name: str = "hostile") -> Object:
        """The object of a seed: the same seed makes the same object."""
        attempt = 0
        while True:
            try:
                return self.make(RandomChoices(seed + (attempt << 40)), name)
            except Unlucky:
                attempt += 1

    def objects(self) -> st.SearchStrategy[Object]:
        """A Hypothesis strategy for hostile objects."""

        @st.composite
        def strategy(draw: Any) -> Object:
            return self.make(DrawnChoices(draw))

        return strategy()

    def parts(self, obj: Object) -> Iterator[Object]:
        """Parts of the object that the API server may ask to convert: what one field manager owns
        of it, with metadata and without (kubernetes/kubernetes#117260)."""
        kind = {key: obj[key] for key in ("apiVersion", "kind")}
        for member in [key for key in obj if key not in _ENVELOPE]:
            yield {**kind, member: obj[member]}
            yield {**kind, "metadata": {}, member: obj[member]}
        for member in obj["metadata"]:
            yield {**kind, "metadata": {member: obj["metadata"][member]}}
        if isinstance(spec := obj.get("spec"), dict):
            for field, value in spec.items():
                for metadata in ({}, {"metadata": obj["metadata"]}):
                    yield {**kind, **metadata, "spec": {field: value}}

    def check(self, obj: Object) -> None:
        """Everything that must hold of one hostile object; AssertionError if something does not."""
        version = _version(obj)
        for target in self.names:
            if target == version:
                continue
            there = self._versions.convert(obj, target)
            self._check_answer(obj, there, target)
            self._check_taken(there, target)
            back = self._versions.convert(self._versions.prune(there), version)
            self._check_answer(there, back, version)
            self._check_taken(back, version)
            self._check_said(obj, there, back)
            for part in self.parts(obj):
                self._check_answer(part, self._versions.convert(part, target), target)
            self._check_owned(obj, target)

    def _check_answer(self, asked: Object, answer: Object, target: str) -> None:
        """The identity is what it was, and nothing of metadata changed but what is ours."""
        assert answer["apiVersion"] == f"{self._converter.group}/{target}", answer["apiVersion"]
        assert answer["kind"] == asked["kind"], answer["kind"]
        assert answer.get("status") == asked.get("status"), answer.get("status")
        given, found = asked.get("metadata", {}), answer["metadata"]
        assert isinstance(found, dict), found
        rest = [
            {key: value for key, value in one.items() if key not in ("annotations", "labels")}
            for one in (given, found)
        ]
        assert rest[0] == rest[1], found
        for key in ("annotations", "labels"):
            before, after = (dict(one.get(key) or {}) for one in (given, found))
            assert all(isinstance(text, str) for text in after.values()), after
            if key == "annotations" and before != after:
                assert size(after) <= ANNOTATIONS_LIMIT, size(after)
            for one in (before, after):
                one.pop(self._converter.annotation, None)
            assert before == after, after

    def _check_owned(self, obj: Object, target: str) -> None:
        """What somebody owns of annotations and labels stays there, also on the way back: else the
        API server fails an apply of somebody else (kopfkit.conversion.annotation.owned)."""
        metadata = obj["metadata"]
        names = {key: sorted(metadata.get(key) or {}) for key in ("annotations", "labels")}
        fields: Object = {
            f"f:{key}": {f"f:{name}": {} for name in found} for key, found in names.items()
        }
        managed = [{"manager": "tenant", "fieldsV1": {"f:metadata": fields}}]
        owned = {**obj, "metadata": {**metadata, "managedFields": managed}}
        there = self._versions.convert(owned, target)
        for each in (there, self._versions.convert(there, _version(obj))):
            for key, found in names.items():
                gone = {*found} - {*each["metadata"].get(key, {})}
                assert not gone, f"{key} {gone} of {each['apiVersion']}"

    def _check_said(self, obj: Object, there: Object, back: Object) -> None:
        """The annotation does not decide what the object says, as which image runs: converted back
        without it, each field is as it was written, as it is where nothing is restored, or as an
        empty object has it (it yielded to what only the target has)."""
        version, target = _version(obj), _version(there)
        if version == self._converter.hub:
            if self._converter.annotation not in (there["metadata"].get("labels") or {}):
                assert _fields(back) == _fields(self._versions.prune(obj)), back
            return
        without = self._versions.convert(_bare(obj), target)
        empty = admit({**_bare(without), "spec": {}}, self._schemas[target])
        seen = [self._versions.convert(_bare(each), version) for each in (there, without, empty)]
        shown, *others = (_fields(self._versions.prune(each)) for each in (*seen, obj))
        for place in {place for each in (shown, *others) for place in each}:
            values = [each.get(place) for each in others]
            assert shown.get(place) in values, f"{place} is {shown.get(place)}, not one of {values}"

    def _check_taken(self, answer: Object, target: str) -> None:
        """The target version would have taken it: its schema and its rules."""
        schema = self._schemas[target]
        content = {key: item for key, item in admit(answer, schema).items() if key != "metadata"}
        inner = {key: one for key, one in schema["properties"].items() if key != "metadata"}
        wrong = list(misfits(content, {**schema, "properties": inner}))
        wrong = wrong or list(broken_rules(content, schema))
        assert not wrong, f"{wrong}: {content}"


def _bare(obj: Object) -> Object:
    """The object without annotations and labels."""
    return {**obj, "metadata": {"name": obj["metadata"]["name"]}}


def _fields(obj: Object) -> dict[tuple[str, str], Any]:
    """What an object says, by member and field."""
    return {
        (member, field): value
        for member, content in obj.items()
        if member not in (*_ENVELOPE, "status") and isinstance(content, dict)
        for field, value in content.items()
    }


def _version(obj: Object) -> str:
    version: str = obj["apiVersion"].rpartition("/")[2]
    return version
