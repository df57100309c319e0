"""Conversion between a hub version and its spokes, without loss in either direction.

The operator's functions say where a field of one version is found in the other. They may lose what
the other version has no place for. The converter notices: it converts back, compares, and keeps the
difference in an annotation of the converted object (as Cluster API's util/conversion does with the
whole object). On the way back the difference is applied again, except where somebody has changed
the value since: a change made through the poorer version wins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kopfkit.conversion import annotation
from kopfkit.conversion.annotation import ANNOTATIONS_LIMIT
from kopfkit.conversion.differences import Change, apply, difference, same
from kopfkit.conversion.errors import ConversionError
from kopfkit.conversion.fields import Fields, prune

# An object without apiVersion, kind and metadata: what the operator's functions see and return.
Content = dict[str, Any]
Step = Callable[[Content], Content]

_ENVELOPE = ("apiVersion", "kind", "metadata")


@dataclass(frozen=True)
class Spoke:
    """A version that is converted by way of the hub.

    Args:
        name: "v1alpha1".
        to_hub, from_hub: pure functions over the object's content (everything except apiVersion,
            kind and metadata). They return new dicts, pass on what they do not know, and put up
            with any JSON: objects in storage may be older than every rule.
        fields: what the version's schema keeps; None if it keeps everything.
    """

    name: str
    to_hub: Step
    from_hub: Step
    fields: Fields = None


class Converter:
    """Converts the objects of one kind.

    Args:
        group, kind: of the custom resource.
        hub: name of the hub version.
        spokes: all other versions.
        annotation: name of the annotation that carries what a version has no field for.
        hub_fields: what the hub's schema keeps; None if it keeps everything.
    """

    def __init__(
        self,
        *,
        group: str,
        kind: str,
        hub: str,
        spokes: Sequence[Spoke],
        annotation: str,
        hub_fields: Fields = None,
    ) -> None:
        self.group = group
        self.kind = kind
        self.hub = hub
        self.annotation = annotation
        self._spokes = {spoke.name: spoke for spoke in spokes}
        self._fields = {hub: hub_fields, **{spoke.name: spoke.fields for spoke in spokes}}
        self._versions = {f"{group}/{name}": name for name in self._fields}

    @property
    def api_versions(self) -> list[str]:
        """Every apiVersion this converter knows, the hub's first."""
        return [*self._versions]

    def short(self, api_version: object) -> str:
        """ "v1" of "example.com/v1"; "" for what this converter does not know."""
        return self._versions.get(api_version, "") if isinstance(api_version, str) else ""

    def convert(self, obj: Any, api_version: str) -> dict[str, Any]:
        """The object in another version.

        Args:
            obj: the object as decoded JSON; it is not changed.
            api_version: the wanted apiVersion, e.g. "test.jiaozi.com/v1".

        Raises:
            ConversionError: the object is not one of ours, or one of the operator's functions
                failed on it, or what must be kept is too big for an annotation.
        """
        target = self._version(api_version, obj, "is wanted in")
        if not isinstance(obj, dict):
            raise ConversionError(name_of(obj), f"is not an object but {type(obj).__name__}")
        if obj.get("kind") != self.kind:
            raise ConversionError(name_of(obj), f"is not of kind {self.kind}")
        source = self._version(obj.get("apiVersion"), obj, "has")
        if not isinstance(obj.get("metadata"), dict):
            raise ConversionError(name_of(obj), "has no metadata")
        if source == target:
            return obj
        what = obj
        try:
            if source != self.hub and target != self.hub:
                obj = self._step(obj, source, self.hub)
                source = self.hub
            return self._step(obj, source, target)
        except ConversionError:
            raise
        except RecursionError:
            raise ConversionError(name_of(what), "is nested too deeply") from None
        except Exception as error:
            raise ConversionError(
                name_of(what),
                f"cannot be converted from {source} to {target}: {type(error).__name__}: {error}",
            ) from error

    def _version(self, api_version: Any, obj: Any, how: str) -> str:
        if name := self.short(api_version):
            return name
        known = ", ".join(self._versions)
        raise ConversionError(name_of(obj), f"{how} apiVersion {api_version!r}, known are {known}")

    def _plain(self, source: str, target: str) -> Step:
        """The operator's function for one step; one of the two versions is the hub."""
        if target == self.hub:
            return self._spokes[source].to_hub
        return self._spokes[target].from_hub

    def _step(self, obj: dict[str, Any], source: str, target: str) -> dict[str, Any]:
        """One conversion from or to the hub, annotation included."""
        content = {key: value for key, value in obj.items() if key not in _ENVELOPE}
        metadata = obj["metadata"]
        annotations = metadata.get("annotations")
        kept = annotation.read(annotations, self.annotation)
        ours = kept.versions.pop(target, {})
        converted = apply(self._plain(source, target)(content), ours)
        back = self._plain(target, source)
        if lost := self._lost(back(prune(converted, self._fields[target])), content, ours):
            kept.versions[source] = lost
        else:
            kept.versions.pop(source, None)
        result = {
            "apiVersion": f"{self.group}/{target}",
            "kind": self.kind,
            "metadata": metadata,
            **converted,
        }
        if annotations is not None and not isinstance(annotations, dict):
            if kept.versions:
                raise ConversionError(name_of(obj), "has annotations that are not an object")
            return result
        fresh = annotation.write(annotations, self.annotation, kept)
        if fresh and lost and annotation.size(fresh) > ANNOTATIONS_LIMIT:
            # What is passed through can do without the annotation as long as the API server knows
            # the field; what is not passed through cannot.
            kept.versions[source] = self._lost(back(converted), content, ours)
            fresh = annotation.write(annotations, self.annotation, kept)
            if fresh and annotation.size(fresh) > ANNOTATIONS_LIMIT:
                raise ConversionError(
                    name_of(obj),
                    f"has more in {source} than {target} has fields for, and annotations cannot "
                    f"hold it: {annotation.size(fresh)} bytes of at most {ANNOTATIONS_LIMIT}",
                )
        if (fresh or {}) != (annotations or {}):
            rest = {key: value for key, value in metadata.items() if key != "annotations"}
            result["metadata"] = rest if fresh is None else {**rest, "annotations": fresh}
        return result

    @staticmethod
    def _lost(back: Content, content: Content, ours: dict[str, Change]) -> dict[str, Change]:
        """What must be kept for the source version.

        Without what came out of the annotation just now: it is the target's own, and passing it
        through brought it into the source.
        """
        return {
            pointer: change
            for pointer, change in difference(back, content).items()
            if pointer not in ours or not same(ours[pointer].value, change.value)
        }


def name_of(obj: Any) -> str:
    """How errors name an object: "HelloWorld namespace/name", as far as it can be read."""
    if not isinstance(obj, dict):
        return "object"
    metadata = obj.get("metadata")
    kind = obj.get("kind") if isinstance(obj.get("kind"), str) else "object"
    if not isinstance(metadata, dict):
        return f"{kind} without a name"
    parts = [part for key in ("namespace", "name") if (part := metadata.get(key))]
    return f"{kind} {'/'.join(map(str, parts)) or 'without a name'}"
