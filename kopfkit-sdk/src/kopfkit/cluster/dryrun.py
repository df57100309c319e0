"""Asks a real API server about objects, field by field, without leaving any behind.

CustomResourceDefinitions among the objects are installed first, since nothing can be said about
their objects otherwise; so the server is one of our own, started for this and thrown away. Without
nodes it needs no images, and it is up in seconds.
"""

import contextlib
import copy
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from kopfkit import yamls
from kopfkit.cluster.refusals import refusals
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.controlplane.restclient import Answer, RestClient, prefix
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.olm import olm
from kopfkit.toolchain import toolchain

Object = dict[str, Any]
# (file, field under which the object stands in it or "", the object).
Trial = tuple[str, str, Object]


class Refusal(NamedTuple):
    """What the API server says against an object.

    Attributes:
        file, field: where, as the trial names it.
        why: in the API server's words.
        refused: whether it refuses the object; otherwise it warns, or drops the field.
    """

    file: str
    field: str
    why: str
    refused: bool


@dataclass
class Answers:
    """What the API server says.

    Attributes:
        refusals: against the objects.
        skipped: apiVersion and kind of objects that it could not be asked about, as nothing here
            has their CustomResourceDefinition.
    """

    refusals: list[Refusal] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


NAMESPACE = "bundle-under-test"
_CRD = "CustomResourceDefinition"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_CSV_CRD = "chart/crds/0000_50_olm_00-clusterserviceversions.crd.yaml"
# Seconds for a CRD to be established and found, of which it needs one.
_ESTABLISHED = 20.0
_ZEROS = {"string": "", "boolean": False, "integer": 0}


def ask(trials: Sequence[Trial], progress: Progress, crds: Sequence[Object] = ()) -> Answers:
    """What a new API server says against the objects.

    Args:
        trials: the objects.
        crds: more CustomResourceDefinitions, of kinds that the objects are of; nothing is said
            against these.

    Raises KopfkitError if there can be no API server here.
    """
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="kopfkit-dry-run-"))
        plane = ControlPlane(Path(directory) / "plane", tied=True, progress=progress)
        stack.callback(plane.stop)
        plane.start()
        client = RestClient(plane)
        stack.callback(client.close)
        with progress.step("Asking the API server") as step:
            asking = _Asking(client)
            olms = yamls.read(toolchain.module_dir(olm.MODULE, progress) / "deploy" / _CSV_CRD)
            asking.csv = olms["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            asking.prepare([olms, *crds], trials)
            for file, place, one in trials:
                step.glance(f"{one.get('kind')} {(one.get('metadata') or {}).get('name')}")
                asking.about(file, place, one)
            step.note(f"{len(trials)} objects")
        return asking.answers


class _Asking:
    def __init__(self, client: RestClient) -> None:
        self.client, self.answers = client, Answers()
        self.own: set[str] = set()  # API groups of the CRDs that are asked about
        self.absent: set[str] = set()  # "apiVersion kind" of CRDs that are refused
        self.csv: Object = {}  # schema of ClusterServiceVersions

    def prepare(self, given: Sequence[Object], trials: Sequence[Trial]) -> None:
        """Make the namespace and the CRDs, after these were asked about."""
        labels = {"pod-security.kubernetes.io/warn": "restricted"}
        space = {"apiVersion": "v1", "kind": "Namespace"}
        named = {"name": NAMESPACE, "labels": labels}
        made = self.client.call("POST", "/api/v1/namespaces", {**space, "metadata": named})
        if made.status != 201:
            raise KopfkitError("API server", f"makes no namespace ({made.body.get('message')})")
        for crd in given:
            self._install(crd)
        definitions = [each for each in trials if each[2].get("kind") == _CRD]
        # Before any is there: one that is asked about in two forms is no second one.
        for file, place, one in definitions:
            # One of v1beta1 is refused whatever it says.
            if one.get("apiVersion") == "apiextensions.k8s.io/v1":
                self._try(file, place, one, _CRDS)
        for _, _, one in definitions:
            self._install(one)
            self.own.add(_spec(one).get("group", ""))

    def about(self, file: str, place: str, one: Object) -> None:
        """A dry run of an object that is no CRD."""
        version, name = str(one.get("apiVersion") or ""), str(one.get("kind") or "")
        if name == _CRD:
            return
        kind = self.client.kind(version, name) if version and name else None
        if kind is None:
            # Where its CRD is refused, that is said.
            if f"{version} {name}" not in {*self.absent, *self.answers.skipped}:
                self.answers.skipped.append(f"{version} {name}".strip())
            return
        if name == "ClusterServiceVersion":
            one = as_written(one, self.csv)
        metadata = dict(one.get("metadata") or {})
        base = prefix(version)
        if kind.namespaced:
            metadata["namespace"] = NAMESPACE
            base += f"/namespaces/{NAMESPACE}"
        else:
            metadata.pop("namespace", None)
        self._try(file, place, {**one, "metadata": metadata}, f"{base}/{kind.path}")

    def _try(self, file: str, place: str, one: Object, path: str) -> None:
        answer = self._dry_run(path, one, "Strict")
        found = [] if answer.status < 300 else refusals(answer.body)
        dropped = [each for each in found if each[1].endswith(" field")]
        if dropped:
            # With an unknown field the server looks no further, unless it is told to.
            answer = self._dry_run(path, one, "Ignore")
            found = [] if answer.status < 300 else refusals(answer.body)
        for where, why in [*dropped, *found]:
            refused = (where, why) not in dropped
            self.answers.refusals.append(Refusal(file, _joined(place, where), why, refused))
        # That a version of their own is deprecated is what its CRD wants to be said.
        own = str(one.get("apiVersion")).partition("/")[0] in self.own
        for text in answer.warnings:
            if not (own and "is deprecated" in text):
                self.answers.refusals.append(Refusal(file, place, " ".join(text.split()), False))

    def _dry_run(self, path: str, one: Object, validation: str) -> Answer:
        query = f"dryRun=All&fieldManager=kopfkit&fieldValidation={validation}"
        return self.client.call("POST", f"{path}?{query}", one)

    def _install(self, crd: Object) -> None:
        # Nobody converts here: each version is judged by its own schema.
        made = copy.deepcopy(crd)
        _spec(made).pop("conversion", None)
        answer = self.client.call("POST", _CRDS, made)
        if answer.status == 409:
            return  # given twice, or OLM's own
        if answer.status == 201 and self._found(crd):
            return
        kind = (_spec(crd).get("names") or {}).get("kind")
        for one in _spec(crd).get("versions") or []:
            self.absent.add(f"{_spec(crd).get('group')}/{one.get('name')} {kind}")

    def _found(self, crd: Object) -> bool:
        """Whether the CRD is established and all its served versions can be asked for."""
        spec, path = _spec(crd), f"{_CRDS}/{quote(crd['metadata']['name'], safe='')}"
        served = [f"{spec['group']}/{one['name']}" for one in spec["versions"] if one.get("served")]
        deadline = time.monotonic() + _ESTABLISHED
        while time.monotonic() < deadline:
            body = self.client.call("GET", path).body
            conditions = (body.get("status") or {}).get("conditions") or []
            told = {one["type"]: one["status"] for one in conditions}
            if told.get("NamesAccepted") == "False":
                return False
            if told.get("Established") == "True" and all(
                self.client.kind(version, spec["names"]["kind"]) for version in served
            ):
                return True
            time.sleep(0.1)
        return False


def as_written(value: Any, schema: Object) -> Any:
    """A value as OLM writes it, which decodes a bundle's objects into Go structs first.

    A scalar that the schema requires is a field without omitempty, so it is always written, if
    need be with the type's zero value (operator-framework/api pkg/operators/v1alpha1).
    """
    if isinstance(value, list):
        return [as_written(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    found = {key: as_written(item, known.get(key, {})) for key, item in value.items()}
    for key in schema.get("required", []):
        kind = known.get(key, {}).get("type")
        if key not in found and kind in _ZEROS:
            found[key] = _ZEROS[kind]
    return found


def _spec(crd: Object) -> Object:
    found = crd.get("spec")
    return found if isinstance(found, dict) else {}


def _joined(place: str, field: str) -> str:
    return f"{place}.{field}" if place and field else place or field
