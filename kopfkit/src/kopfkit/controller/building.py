"""Children completed: names, labels, owner references, selectors; and mistakes told in words."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from kopfkit.controller.desiredhash import sign
from kopfkit.controller.kinds import SERVICES, WORKLOADS, Kind, OwnedKind
from kopfkit.controller.names import fitting
from kopfkit.controller.outcome import Terminal
from kopfkit.controller.owners import group_of, mapping, owner_reference
from kopfkit.runtime.api.resources import Object as Raw

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
NAME: Final = "app.kubernetes.io/name"
INSTANCE: Final = "app.kubernetes.io/instance"


class Builder:
    """Completes the children of one controller.

    Args:
        operator: the operator's name.
        owner: the kind of the owners.
        hash_key: the annotation for the hash of the desired state.
        kinds: what the controller owns.
        made: what it makes and does not own.
        initial: begins names where the owner's begins with no letter.
    """

    def __init__(
        self,
        operator: str,
        owner: str,
        hash_key: str,
        kinds: Mapping[Kind, OwnedKind],
        made: Collection[Kind] = (),
        initial: str = "x",
    ) -> None:
        self._operator, self._owner, self.hash_key = operator, owner, hash_key
        self._kinds, self._made, self._initial = kinds, made, initial

    def applied(self, owner: Raw, child: Mapping[str, Any]) -> tuple[OwnedKind, Raw]:
        """A child to be applied, and its rules. Raises `Terminal`, naming the mistake."""
        kind, wanted = self._complete(owner, child)
        if self._kinds[kind].immutable:
            raise self._mistake(kind.kind, "is owned as immutable", "create it with ctx.create")
        return self._kinds[kind], sign(wanted, self.hash_key)

    def unowned(self, owner: Raw, wanted: Mapping[str, Any]) -> tuple[Kind, Raw]:
        """An object that is made and not owned, and its kind. Raises `Terminal`."""
        group, name = group_of(wanted.get("apiVersion")), wanted.get("kind")
        found = (each for each in self._made if (each.group, each.kind) == (group, name))
        if (kind := next(found, None)) is None:
            way_out = "add .makes(...) of its kind to the controller"
            raise self._mistake(str(name or "an object"), "is not one that it makes", way_out)
        given = mapping(wanted.get("metadata"))
        place = self._place(kind, owner["metadata"].get("namespace"), given.get("namespace"))
        labels = {**mapping(given.get("labels")), MANAGED_BY: self._operator}
        return kind, {**wanted, "metadata": {**given, **place, "labels": labels}}

    def kind(self, obj: Raw) -> Kind:
        """The kind of a child, by its apiVersion and kind."""
        group = group_of(obj.get("apiVersion"))
        return next(one for one in self._kinds if (one.group, one.kind) == (group, obj.get("kind")))

    def hash(self, owner: Raw, child: Mapping[str, Any]) -> str:
        """The hash that a child would be applied with."""
        _, wanted = self.applied(owner, child)
        return str(wanted["metadata"]["annotations"][self.hash_key])

    def created(self, owner: Raw, child: Mapping[str, Any]) -> tuple[Kind, Raw]:
        """A child to be created once, and its kind. Raises `Terminal`, naming the mistake."""
        return self._complete(owner, child)

    def owned(self, kind: Kind) -> None:
        """Raises `Terminal` if the controller does not own a kind."""
        if kind not in self._kinds:
            raise self._not_owned(kind.kind)

    def check_delete(self, kind: Kind) -> None:
        """Raises `Terminal` if the controller may not delete children of a kind."""
        self.owned(kind)
        if not self._kinds[kind].delete:
            way_out = "own it with prune=True or delete=True, which grant the right to delete"
            raise self._mistake(kind.kind, "is owned without the right to delete", way_out)

    def name(self, owner: Raw) -> str:
        """The name of children that are given none."""
        return fitting(owner["metadata"]["name"], initial=self._initial)

    def labels(self, owner: Raw) -> dict[str, str]:
        """The labels of everything that belongs to an owner."""
        return {**self._selector(owner), MANAGED_BY: self._operator}

    def _selector(self, owner: Raw) -> dict[str, str]:
        return {NAME: self._owner.lower(), INSTANCE: self.name(owner)}

    def _complete(self, owner: Raw, child: Mapping[str, Any]) -> tuple[Kind, Raw]:
        name = child.get("kind")
        if not isinstance(name, str) or not child.get("apiVersion"):
            raise self._mistake("a child", "has no apiVersion or no kind", "give it both")
        group = group_of(child["apiVersion"])
        kind = next((one for one in self._kinds if (one.group, one.kind) == (group, name)), None)
        if kind is None:
            raise self._not_owned(name)
        of, given = owner["metadata"], mapping(child.get("metadata"))
        metadata = {
            **{key: value for key, value in given.items() if key != "namespace"},
            "name": given.get("name") or self.name(owner),
            **self._place(kind, of.get("namespace"), given.get("namespace")),
            "labels": {**self.labels(owner), **mapping(given.get("labels"))}
            | {MANAGED_BY: self._operator},  # the caches know children by it
            "ownerReferences": [owner_reference(owner)],
        }
        if annotations := mapping(given.get("annotations")):
            metadata["annotations"] = dict(annotations)
        wanted = {**child, "apiVersion": kind.api_version, "metadata": metadata}
        if kind in WORKLOADS:
            wanted["spec"] = self._workload(owner, mapping(child.get("spec")))
        elif kind == SERVICES:
            wanted["spec"] = self._service(owner, mapping(child.get("spec")))
        return kind, wanted

    def _place(self, kind: Kind, ours: str | None, given: Any) -> dict[str, str]:
        """The namespace of a child: its owner's, or where that has none the one that it names."""
        if not kind.namespaced:
            if given:
                raise self._mistake(
                    kind.kind,
                    f"has the namespace {given}, and lives in none",
                    "leave metadata.namespace out",
                )
            return {}
        if ours is None:
            if not given:
                text = "has no namespace, and neither has its owner"
                raise self._mistake(kind.kind, text, "give it metadata.namespace")
            return {"namespace": str(given)}
        if given not in (None, ours):
            text = f"has the namespace {given}, and its owner another one"
            raise self._mistake(kind.kind, text, "leave metadata.namespace out")
        return {"namespace": ours}

    def _workload(self, owner: Raw, spec: Mapping[str, Any]) -> dict[str, Any]:
        """A workload's spec with a selector, and pods that it selects."""
        template = mapping(spec.get("template"))
        metadata = mapping(template.get("metadata"))
        labels = {**self.labels(owner), **mapping(metadata.get("labels"))}
        selector = spec.get("selector") or {"matchLabels": self._selector(owner)}
        metadata = {**metadata, "labels": labels}
        return {**spec, "selector": selector, "template": {**template, "metadata": metadata}}

    def _service(self, owner: Raw, spec: Mapping[str, Any]) -> dict[str, Any]:
        """A Service's spec with the selector of the owner's pods, if it says nothing of one."""
        if "selector" in spec or spec.get("type") == "ExternalName":
            return dict(spec)
        return {**spec, "selector": self._selector(owner)}

    def _not_owned(self, kind: str) -> Terminal:
        return self._mistake(kind, "is not owned", "add .owns(...) of its kind to the controller")

    def _mistake(self, what: str, why: str, way_out: str) -> Terminal:
        text = f"the controller of {self._owner} is wrong: {what} {why}; hint: {way_out}"
        return Terminal("InvalidChild", text)
