"""Conversion between a hub version and its spokes, without loss in either direction.

The operator's functions say where a field of one version is found in the other. They may lose what
the other version has no place for. The converter notices: it converts back, compares, and keeps the
difference in an annotation of the converted object (as Cluster API's util/conversion does with the
whole object). On the way back the difference is applied again, except where somebody has changed
the value since: a change made through the poorer version wins.

Anybody who may write an object may write its annotations. So nothing that is read from one may make
a conversion fail, and nothing is restored that the target version would not have taken, or that
changes what the source version says (`restoring`). An object whose annotations have no room for
what must be kept is converted without it, and carries a label that says so: a read is answered, and
the policy of `kopfkit.runtime.olm.protection` refuses the write that would lose it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from kopfkit.conversion import annotation
from kopfkit.conversion.annotation import Kept
from kopfkit.conversion.differences import Changes, apply, difference, same
from kopfkit.conversion.errors import ConversionError
from kopfkit.conversion.fields import Fields, prune
from kopfkit.conversion.restoring import UNTOUCHABLE, Judge, restorable, says

# An object without apiVersion, kind and metadata: what the operator's functions see and return.
Content = dict[str, Any]
Step = Callable[[Content], Content]

_ENVELOPE = ("apiVersion", "kind", "metadata")
# Value of the label, of the annotation's name, of an object whose annotations had no room for what
# its other version has.
INCOMPLETE: Final = "incomplete"


@dataclass(frozen=True)
class Spoke:
    """A version that is converted by way of the hub.

    Args:
        name: "v1alpha1".
        to_hub, from_hub: pure functions over the object's content (everything except apiVersion,
            kind and metadata). They return new dicts, pass on what they do not know, and put up
            with any JSON: objects in storage may be older than every rule.
        fields: what the version's schema keeps and takes, from `known_fields`; None if that is
            everything.
        shown: a field of the spec that every object has in it: it has a default, and the conversion
            always sets it. An object that lacks it was not converted.
    """

    name: str
    to_hub: Step
    from_hub: Step
    fields: Fields = None
    shown: str = ""


class Converter:
    """Converts the objects of one kind.

    Args:
        group, kind: of the custom resource.
        hub: name of the hub version.
        spokes: all other versions.
        annotation: name of the annotation that carries what a version has no field for, and of the
            label on an object whose annotations have no room for it.
        hub_fields: what the hub's schema keeps and takes, from `known_fields`; None if that is
            everything.
        shown: by version, the field that `Spoke.shown` says; the hub's is said here only.
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
        shown: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.group = group
        self.kind = kind
        self.hub = hub
        self.annotation = annotation
        self.shown = {**shown, **{each.name: each.shown for each in spokes if each.shown}}
        self._spokes = {spoke.name: spoke for spoke in spokes}
        self._known = {hub: hub_fields, **{spoke.name: spoke.fields for spoke in spokes}}
        # Status is not looked at: it is never kept, so nothing has to be known about it.
        self._fields = {
            name: {**fields, "status": None} if isinstance(fields, dict) else fields
            for name, fields in self._known.items()
        }
        self._versions = {f"{group}/{name}": name for name in self._fields}
        self._judges: dict[str, Judge] = {}

    def prepare(self) -> None:
        """Compile the schemas and rules of all versions, which the first conversion else does.

        Raises:
            KopfkitError: one of them cannot be checked here; nothing could be restored by it.
        """
        for version in self._fields:
            self._judge(version)

    @property
    def spokes(self) -> list[str]:
        """The names of all versions but the hub's."""
        return [*self._spokes]

    def to_hub(self, spoke: str) -> Step:
        """The operator's function that reads a spoke's content as the hub's; KeyError if there is
        no such spoke. What an annotation carries is not restored by it."""
        return self._spokes[spoke].to_hub

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
                failed on it.
        """
        target = self._version(api_version, obj, "is wanted in")
        if not isinstance(obj, dict):
            raise ConversionError(name_of(obj), f"is not an object but {type(obj).__name__}")
        if obj.get("kind") != self.kind:
            raise ConversionError(name_of(obj), f"is not of kind {self.kind}")
        source = self._version(obj.get("apiVersion"), obj, "has")
        # The API server asks for parts of objects that have none: after server-side apply by one
        # manager through two versions (kubernetes/kubernetes#117260).
        if not isinstance(obj.get("metadata") or {}, dict):
            raise ConversionError(name_of(obj), "has metadata that is not an object")
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

    def _judge(self, version: str) -> Judge:
        if version not in self._judges:
            self._judges[version] = Judge(self._known[version])
        return self._judges[version]

    def _step(self, obj: dict[str, Any], source: str, target: str) -> dict[str, Any]:
        """One conversion from or to the hub, annotation included."""
        annotations = (obj.get("metadata") or {}).get("annotations")
        kept = annotation.read(annotations, self.annotation)
        ours = restorable(kept.versions.pop(target, {}))
        if not ours:
            return self._converted(obj, source, target, kept, ours)
        others = {**kept.versions}
        try:
            if target != self.hub:
                # What a spoke says may have yielded to the hub's rules (`restoring`): the hub does
                # not say it, and shows it for as long as it comes back to what the hub has.
                first = Kept({**others}, kept.replaced)
                made = self._converted(obj, source, target, first, ours, trusting=True)
                if same(_content(self._step(made, target, source)), _content(obj)):
                    return made
            return self._converted(obj, source, target, kept, ours)
        except Exception:
            # Whatever can be wrong with what was read, the object is converted without it.
            return self._converted(obj, source, target, Kept(others, kept.replaced), {})

    def _unseen(
        self, content: Content, plain: Content, source: str, target: str
    ) -> Callable[[Changes], bool]:
        """Tells whether what the source says stays as it is with changes made to `plain`. Else an
        annotation would decide which image runs, and a rule on the field that names it would look
        at another one."""
        back, fields = self._plain(target, source), self._fields[source]
        said = prune(content, fields)

        def unseen(changes: Changes) -> bool:
            shown = prune(back(apply(plain, changes)), fields)
            return says(shown, said) or says(shown, said, prune(back(plain), fields))

        return unseen

    def _converted(
        self,
        obj: dict[str, Any],
        source: str,
        target: str,
        kept: Kept,
        ours: Changes,
        *,
        trusting: bool = False,
    ) -> dict[str, Any]:
        """The object in the target version, with what may be of `ours` restored in it; `trusting`:
        also what the source would say otherwise."""
        content = _content(obj)
        converted = self._plain(source, target)(content)
        if ours:
            unseen = None if trusting else self._unseen(content, converted, source, target)
            converted, ours = self._judge(target).restore(converted, ours, unseen)
        back = self._plain(target, source)
        pruned = prune(converted, self._fields[target])
        if lost := self._lost(back(pruned), content, ours):
            kept.versions[source] = lost
        else:
            kept.versions.pop(source, None)
        metadata, room = self._metadata(obj, kept)
        if lost and not room:
            # What is passed through can do without the annotation as long as the API server knows
            # the field; what is not passed through cannot.
            kept.versions[source] = self._lost(back(converted), content, ours)
            metadata, _ = self._metadata(obj, kept)
            if target != self.hub:  # of which nothing is lost by a write
                labels = metadata.get("labels") or {}
                metadata = {**metadata, "labels": {**labels, self.annotation: INCOMPLETE}}
        envelope = {
            "apiVersion": f"{self.group}/{target}",
            "kind": self.kind,
            "metadata": metadata,
        }
        return {**envelope, **converted, **envelope}

    def _metadata(self, obj: dict[str, Any], kept: Kept) -> tuple[dict[str, Any], bool]:
        """The metadata with `kept` in its annotations, and whether there was room for it."""
        metadata: dict[str, Any] = obj.get("metadata") or {}
        labels = metadata.get("labels")
        if (
            isinstance(labels, dict)
            and labels.get(self.annotation) == INCOMPLETE
            and not annotation.owned(metadata, self.annotation, "labels")
        ):
            labels = {key: text for key, text in labels.items() if key != self.annotation}
            metadata = {key: item for key, item in metadata.items() if key != "labels"}
            if labels:
                metadata["labels"] = labels
        annotations = metadata.get("annotations")
        if annotations is not None and not isinstance(annotations, dict):
            if kept.versions:
                raise ConversionError(name_of(obj), "has annotations that are not an object")
            return metadata, True
        fresh = annotation.write(annotations, self.annotation, kept)
        gone = self.annotation in (annotations or {}) and self.annotation not in (fresh or {})
        if gone and annotation.owned(metadata, self.annotation):
            fresh = {**(fresh or {}), self.annotation: annotation.EMPTY}
        if (fresh or {}) == (annotations or {}):
            return metadata, True
        if not annotation.fits(fresh, self.annotation):
            return metadata, False
        rest = {key: item for key, item in metadata.items() if key != "annotations"}
        return rest if fresh is None else {**rest, "annotations": fresh}, True

    @staticmethod
    def _lost(back: Content, content: Content, ours: Changes) -> dict[str, Any]:
        """What must be kept for the source version.

        Without what came out of the annotation just now: it is the target's own, and passing it
        through brought it into the source. Without status, which is never restored.
        """
        return {
            pointer: change
            for pointer, change in difference(
                {key: value for key, value in back.items() if key not in UNTOUCHABLE},
                {key: value for key, value in content.items() if key not in UNTOUCHABLE},
            ).items()
            if pointer not in ours or not same(ours[pointer].value, change.value)
        }


def _content(obj: dict[str, Any]) -> Content:
    return {key: value for key, value in obj.items() if key not in _ENVELOPE}


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
