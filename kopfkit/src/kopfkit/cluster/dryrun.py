"""Asks a real API server about objects, field by field, without leaving any behind.

CustomResourceDefinitions among the objects are installed first, since nothing can be said about
their objects otherwise; so the server is one of our own, started for this and thrown away. Without
nodes it needs no images, and it is up in seconds.
"""

import contextlib
import copy
import json
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.cluster import olm, process, toolchain
from kopfkit.cluster.controlplane import ControlPlane
from kopfkit.cluster.kubectl import Kubectl
from kopfkit.cluster.progress import Progress
from kopfkit.errors import KopfkitError

Object = dict[str, Any]
# (file, field under which the object stands in it or "", the object).
Trial = tuple[str, str, Object]
# (file, field, what the API server says).
Refusal = tuple[str, str, str]

NAMESPACE = "bundle-under-test"
_CRD = "CustomResourceDefinition"
_CSV_CRD = "chart/crds/0000_50_olm_00-clusterserviceversions.crd.yaml"
# How often a CRD is looked at before its conditions are there.
_LOOKS = 50
_FIELD = re.compile(r"(?:<nil>)?\.?([A-Za-z][\w\-]*(?:[.\[][\w\-./\"*]*\]?)*): (?=[A-Z])")
_TYPE = re.compile(r"cannot unmarshal \w+ into Go struct field \w+\.(\S+) of type .*")
_UNKNOWN = re.compile(r'(unknown|duplicate) field "([^"]+)"')
_INVALID = re.compile(r'^(?:error: |Error from server[^:]*: )?.*?(?:"[^"]*" is invalid|STDIN"?): *')


def ask(trials: Sequence[Trial], progress: Progress) -> list[Refusal]:
    """What a new API server says against the objects; warnings count.

    Raises KopfkitError if there can be no API server here.
    """
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="kopfkit-dry-run-"))
        plane = ControlPlane(Path(directory) / "plane", tied=True, progress=progress)
        stack.callback(plane.stop)
        plane.start()
        with progress.step("Asking the API server") as step:
            kubectl = Kubectl.at(plane.kubeconfig)
            absent = _prepare(kubectl, trials, progress)
            own = {one["spec"]["group"] for _, _, one in trials if one.get("kind") == _CRD}
            found: list[Refusal] = []
            for file, place, one in trials:
                step.glance(f"{one.get('kind')} {one.get('metadata', {}).get('name')}")
                if (one.get("apiVersion"), one.get("kind")) in absent:
                    continue  # its CRD is refused, and that is said
                # That a version of their own is deprecated is what its CRD wants to be said.
                group = str(one.get("apiVersion")).partition("/")[0]
                said = _try(kubectl, one, deprecated=group in own)
                found += [(file, _joined(place, field), why) for field, why in said]
            step.note(f"{len(trials)} objects")
        return found


def _prepare(kubectl: Kubectl, trials: Sequence[Trial], progress: Progress) -> set[tuple[str, str]]:
    """Make the namespace, and the CRDs that the objects need; returns (apiVersion, kind) of those
    that are refused."""
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    space = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }
    csv = toolchain.module_dir(olm.MODULE, progress) / "deploy" / _CSV_CRD
    crds = [yamls.read(csv)]
    for _, _, one in trials:
        if one.get("kind") == _CRD:
            # Nobody converts here: each version is judged by its own schema.
            crd = copy.deepcopy(one)
            crd.get("spec", {}).pop("conversion", None)
            crds.append(crd)
    kubectl.apply(space)
    absent: set[tuple[str, str]] = set()
    for crd in crds:
        try:
            kubectl.apply(crd)
            _await_established(kubectl, f"crd/{crd['metadata']['name']}")
        except process.CommandFailed:
            if crd is crds[0]:
                raise  # OLM's own: without it nothing would be said about the CSV
            absent |= _kinds(crd)
    # The API server's discovery, by which kubectl finds a new kind, follows within a second.
    _await_discovery(kubectl, crds)
    return absent


def _await_established(kubectl: Kubectl, crd: str) -> None:
    # kubectl fails where the conditions it waits for are still null, as those of a new CRD are.
    for attempt in range(_LOOKS):
        try:
            kubectl.run("wait", "--for=condition=Established", "--timeout=20s", crd)
            return
        except process.CommandFailed as error:
            if "accessor error" not in error.output or attempt == _LOOKS - 1:
                raise
            time.sleep(0.2)


def _kinds(crd: Object) -> set[tuple[str, str]]:
    spec = crd.get("spec", {})
    kind = spec.get("names", {}).get("kind")
    return {(f"{spec.get('group')}/{one.get('name')}", kind) for one in spec.get("versions", [])}


def _await_discovery(kubectl: Kubectl, crds: Sequence[Object]) -> None:
    for crd in crds:
        group = crd.get("spec", {}).get("group")
        for version in crd.get("spec", {}).get("versions", []):
            if version.get("served"):
                with contextlib.suppress(KopfkitError):
                    kubectl.run("get", "--raw", f"/apis/{group}/{version['name']}")


def _try(kubectl: Kubectl, one: Object, *, deprecated: bool) -> Iterator[tuple[str, str]]:
    """(field, why) for everything the server says to a strict dry run."""
    warnings: list[str] = []
    try:
        _dry_run(kubectl, one, "strict", warnings)
    except process.CommandFailed as error:
        found = refusals(error.output)
        yield from found
        if any(why.endswith(" field") for _, why in found):
            # With an unknown field the server looks no further, unless it is told to.
            try:
                _dry_run(kubectl, one, "ignore", warnings)
            except process.CommandFailed as second:
                yield from refusals(second.output)
    for line in warnings:
        if line.startswith("Warning:") and not (deprecated and "is deprecated" in line):
            yield "", " ".join(line.removeprefix("Warning:").split())


def _dry_run(kubectl: Kubectl, one: Object, validate: str, warnings: list[str]) -> None:
    # What is there already cannot be created; what it would become can be asked.
    there = one.get("kind") == _CRD
    verb = ["apply", "--server-side", "--force-conflicts"] if there else ["create"]
    argv = [
        str(kubectl.program), f"--kubeconfig={kubectl.kubeconfig}", *verb, "--dry-run=server",
        f"--validate={validate}", "--output=name", "--filename=-",
    ]  # fmt: skip
    process.run(argv, input=json.dumps(one), on_line=warnings.append, timeout=60)


def refusals(text: str) -> list[tuple[str, str]]:
    """(field, why) for each cause in what kubectl prints when the server refuses an object."""
    text = "\n".join(line for line in text.splitlines() if not line.startswith("Warning:"))
    unknown = _UNKNOWN.findall(text)
    if unknown:
        return [(field, f"{kind} field") for kind, field in unknown]
    body = _INVALID.sub("", text.strip(), count=1)
    causes = re.split(r"\n\* |^\* |, (?=[a-z][\w.\[\]\-]*: (?:Invalid|Required|Unsupported))", body)
    found = []
    for cause in filter(None, (" ".join(cause.strip(" []").split()) for cause in causes)):
        match = _FIELD.match(cause) or _TYPE.search(cause)
        if match is None:
            found.append(("", cause))
        elif match.re is _TYPE:
            found.append((match[1], cause[match.start() :]))
        else:
            found.append((match[1], cause[match.end() :]))
    return found


def _joined(place: str, field: str) -> str:
    return f"{place}.{field}" if place and field else place or field
