"""What must hold for a converter, whatever the objects are: checks for property tests.

    VERSIONS = Versions(CONVERTER, CRD)

    @given(objects(CRD, "v1"))
    def test_nothing_is_lost(obj):
        VERSIONS.check_there_and_back(obj)
        VERSIONS.check_written_is_read(obj)

Objects cross as they do in a cluster: as JSON in a ConversionReview, and with the API server's own
part around it (Kubernetes, "Versions in CustomResourceDefinitions" and "Defaulting"): what a client
writes is pruned and defaulted in the client's version, what is read from etcd in the stored one,
and what a webhook returns is pruned in the wanted one. The API server itself is asked whether this
picture of it is right in `tests/integration/conversion/test_oracle.py`.
"""

from typing import Any

import msgspec

from kopfkit.conversion import Converter, annotation, answer
from kopfkit.crd.structural import admit, pruned, schema_in

__all__ = [
    "Object",
    "Versions",
]

Object = dict[str, Any]
_ENVELOPE = ("apiVersion", "kind", "metadata")


class Versions:
    """A converter with the CRD of its kind.

    Args:
        converter: under test.
        crd: the CustomResourceDefinition, as `custom_resource_definition` returns it.
    """

    def __init__(self, converter: Converter, crd: Object) -> None:
        self.converter = converter
        self.names = [version["name"] for version in crd["spec"]["versions"]]
        self._schemas = {name: schema_in(crd, name) for name in self.names}

    def convert(self, obj: Object, version: str) -> Object:
        """The object as the webhook answers it; AssertionError if it fails."""
        review = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "ConversionReview",
            "request": {
                "uid": "u",
                "desiredAPIVersion": f"{self.converter.group}/{version}",
                "objects": [obj],
            },
        }
        reply = answer(msgspec.json.encode(review), self.converter)
        assert not reply.failure, reply.failure
        converted: Object = msgspec.json.decode(reply.body)["response"]["convertedObjects"][0]
        return converted

    def stored(self, obj: Object, storage: str) -> Object:
        """What is in etcd after a client wrote the object, if the CRD stores this version."""
        admitted = admit(obj, self._schemas[_version(obj)])
        if _version(obj) == storage:
            return admitted
        return self.prune(self.convert(admitted, storage))

    def read(self, stored: Object, version: str) -> Object:
        """What a client reads through a version of an object that is in etcd."""
        admitted = admit(stored, self._schemas[_version(stored)])
        if _version(stored) == version:
            return admitted
        return self.prune(self.convert(admitted, version))

    def prune(self, obj: Object) -> Object:
        """The object without fields that its version's schema does not have."""
        schema = self._schemas[_version(obj)]
        content = {key: value for key, value in obj.items() if key not in _ENVELOPE}
        envelope = {key: obj[key] for key in _ENVELOPE}
        return {**envelope, **pruned(content, schema)}

    def own(self, obj: Object) -> Object:
        """The object without what the converter keeps in its annotation."""
        annotations = obj["metadata"].get("annotations")
        kept = annotation.read(annotations, self.converter.annotation)
        kept.versions.clear()
        fresh = annotation.write(annotations, self.converter.annotation, kept)
        rest = {key: value for key, value in obj["metadata"].items() if key != "annotations"}
        return {**obj, "metadata": {**rest, **({"annotations": fresh} if fresh else {})}}

    def check_there_and_back(self, obj: Object) -> None:
        """Converted to each other version and back, the object is the same text, and nothing in
        metadata but annotations is touched on the way."""
        for version in self._others(obj):
            there = self.convert(obj, version)
            assert there["apiVersion"] == f"{self.converter.group}/{version}"
            assert self._untouched(there) == self._untouched(obj), there["metadata"]
            _same(self.convert(there, _version(obj)), obj, f"after {version} and back")

    def check_survives_pruning(self, obj: Object) -> None:
        """Nothing is lost either where the API server removes, in the other version, the fields
        that its schema does not have; and a second time nothing more happens.

        Except in the status, which is never kept: there, only what the schemas have is not lost.
        """
        wanted = self.own(obj)
        if "status" in obj:
            wanted["status"] = self.prune(obj).get("status")
        for version in self._others(obj):
            there = self.prune(self.convert(obj, version))
            back = self.convert(there, _version(obj))
            _same(self.own(back), wanted, f"after {version}, pruned, and back")
            again = self.convert(self.prune(self.convert(back, version)), _version(obj))
            _same(again, back, f"after {version} a second time")

    def check_settles(self, obj: Object) -> None:
        """Converted to each other version and back, the object is one that a second time leaves as
        it is, and its metadata and status are untouched: what can be said of an object with content
        that nobody could write now. Such content is not restored from an annotation."""
        for version in self._others(obj):
            back = self.convert(self.convert(obj, version), _version(obj))
            assert self._untouched(back) == self._untouched(obj), back["metadata"]
            found, wanted = ({"status": one.get("status")} for one in (back, obj))
            _same(found, wanted, f"after {version} and back")
            again = self.convert(self.convert(back, version), _version(obj))
            _same(self.own(again), self.own(back), f"after {version} a second time")

    def check_written_is_read(self, obj: Object) -> None:
        """Whichever version is stored: what is written through a version is read through it."""
        wanted = self.own(admit(obj, self._schemas[_version(obj)]))
        for storage in self.names:
            found = self.read(self.stored(obj, storage), _version(obj))
            _same(self.own(found), wanted, f"stored as {storage}")

    def check_edit(self, obj: Object, edit: Object) -> None:
        """Whichever version is stored: `obj` is written, read through the version of `edit`,
        replaced by the content of `edit`, and then read as it was written; also after somebody has
        read it through the version of `obj` and written it back."""
        version = _version(edit)
        for storage in self.names:
            before = self.read(self.stored(obj, storage), version)
            changed = {**edit, "metadata": before["metadata"]}
            wanted = self.own(admit(changed, self._schemas[version]))
            kept = self.stored(changed, storage)
            _same(self.own(self.read(kept, version)), wanted, f"edited, stored as {storage}")
            touched = self.stored(self.read(kept, _version(obj)), storage)
            found = self.own(self.read(touched, version))
            _same(found, wanted, f"edited and touched, stored as {storage}")

    def _untouched(self, obj: Object) -> Object:
        """The metadata without annotations, and without the label that says what is left out."""
        metadata = {key: value for key, value in obj["metadata"].items() if key != "annotations"}
        labels = metadata.pop("labels", {})
        metadata["labels"] = {
            k: text for k, text in labels.items() if k != self.converter.annotation
        }
        return metadata

    def _others(self, obj: Object) -> list[str]:
        return [name for name in self.names if name != _version(obj)]


def _version(obj: Object) -> str:
    version: str = obj["apiVersion"].rpartition("/")[2]
    return version


def _same(found: Object, wanted: Object, when: str) -> None:
    """The same JSON text: == takes 1, 1.0 and True for the same."""
    one, other = (msgspec.json.encode(obj, order="sorted") for obj in (found, wanted))
    assert one == other, f"{when}:\n  found  {one.decode()}\n  wanted {other.decode()}"
