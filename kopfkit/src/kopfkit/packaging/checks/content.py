"""What a console shows of the operator, and what its pods need: examples, descriptors, images,
service accounts."""

import json
from collections.abc import Iterator
from typing import Any

from kopfkit.packaging.checks.files import Bundle, Finding, Object

_EXAMPLES = "metadata.annotations.alm-examples"


def examples(bundle: Bundle) -> Iterator[Finding]:
    """alm-examples is JSON, of owned kinds only, and has one for every served version."""
    annotations = bundle.csv["metadata"].get("annotations") or {}
    try:
        found = json.loads(annotations.get("alm-examples") or "[]")
    except ValueError as error:
        yield Finding(bundle.csv_file, _EXAMPLES, f"is not JSON ({error})")
        return
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        yield Finding(bundle.csv_file, _EXAMPLES, "is not a list of objects")
        return
    seen = {(one.get("apiVersion"), one.get("kind")) for one in found}
    served = {
        (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
        for _, crd in bundle.crds.values()
        for version in crd["spec"]["versions"]
        if version.get("served")
    }
    for version, kind in sorted(served - seen):
        yield Finding(bundle.csv_file, _EXAMPLES, f"has no {kind} of {version}")
    for index, one in enumerate(found):
        place = f"{_EXAMPLES}[{index}]"
        if (one.get("apiVersion"), one.get("kind")) not in served:
            what = f"{one.get('kind')} of {one.get('apiVersion')}"
            yield Finding(bundle.csv_file, place, f"is a {what}, which no CRD of the bundle serves")
        if not isinstance(one.get("spec"), dict):
            yield Finding(bundle.csv_file, f"{place}.spec", "is missing")


def descriptors(bundle: Bundle) -> Iterator[Finding]:
    """Every version of every CRD is described, each of its fields, and nothing else."""
    described = {(one.get("name"), one.get("version")): one for one in bundle.owned}
    places = {
        (one.get("name"), one.get("version")): f"spec.customresourcedefinitions.owned[{index}]"
        for index, one in enumerate(bundle.owned)
    }
    for name, (_, crd) in sorted(bundle.crds.items()):
        for version in crd["spec"]["versions"]:
            key = (name, version["name"])
            one = described.pop(key, None)
            if one is None:
                if version.get("served"):
                    yield Finding(
                        bundle.csv_file,
                        "spec.customresourcedefinitions.owned",
                        f"does not describe {version['name']} of {name}",
                    )
                continue
            if not one.get("resources"):
                yield Finding(bundle.csv_file, f"{places[key]}.resources", "is empty")
            schema = version["schema"]["openAPIV3Schema"]
            for part in ("spec", "status"):
                yield from _fields(bundle.csv_file, places[key], one, part, schema)
    for left in described:
        yield Finding(
            bundle.csv_file,
            places[left],
            f"describes {left[1]} of {left[0]}, which is not in the bundle",
        )


def _fields(
    file: str, place: str, one: Object, part: str, schema: dict[str, Any]
) -> Iterator[Finding]:
    field = f"{place}.{part}Descriptors"
    fields = (schema.get("properties") or {}).get(part) or {}
    paths = [str(each.get("path", "")) for each in one.get(field.rpartition(".")[2]) or []]
    # The scorecard compares whole paths in the spec, and looks for any descriptor in the status.
    covered = set(paths) if part == "spec" else {path.partition(".")[0] for path in paths}
    for name in sorted(set(fields.get("properties") or {}) - covered):
        yield Finding(file, field, f"has none for {part}.{name} of {one['version']}")
    for index, path in enumerate(paths):
        if not _leads_somewhere(fields, path):
            yield Finding(
                file, f"{field}[{index}].path", f"{path!r} is no field of {one['version']}"
            )


def _leads_somewhere(schema: dict[str, Any], path: str) -> bool:
    for name in path.replace("[0]", "").split("."):
        schema = schema.get("items") or schema
        if schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("additionalProperties"):
            return True
        if name not in (schema.get("properties") or {}):
            return False
        schema = schema["properties"][name]
    return True


def images(bundle: Bundle) -> Iterator[Finding]:
    """What the Deployments run is in relatedImages, from which mirrors are made."""
    listed = {one.get("image") for one in bundle.spec.get("relatedImages") or []}
    for place, image in _used(bundle):
        if image not in listed:
            yield Finding(bundle.csv_file, place, f"{image} is not in spec.relatedImages")


def _used(bundle: Bundle) -> Iterator[tuple[str, str]]:
    for index, deployment in enumerate(bundle.deployments):
        pod = _pod(deployment)
        for kind in ("initContainers", "containers"):
            for number, container in enumerate(pod.get(kind) or []):
                place = (
                    f"spec.install.spec.deployments[{index}].spec.template.spec.{kind}[{number}]"
                )
                if container.get("image"):
                    yield f"{place}.image", container["image"]
                for variable in container.get("env") or []:
                    if variable["name"].startswith("RELATED_IMAGE_") and variable.get("value"):
                        yield f"{place}.env[{variable['name']}]", variable["value"]


def service_accounts(bundle: Bundle) -> Iterator[Finding]:
    """Rights are given to accounts that a Deployment uses; OLM makes the accounts of the rights."""
    install = (bundle.spec.get("install") or {}).get("spec") or {}
    used = {_pod(one).get("serviceAccountName", "default") for one in bundle.deployments}
    for kind in ("permissions", "clusterPermissions"):
        for index, one in enumerate(install.get(kind) or []):
            if one.get("serviceAccountName") not in used:
                yield Finding(
                    bundle.csv_file,
                    f"spec.install.spec.{kind}[{index}].serviceAccountName",
                    f"{one.get('serviceAccountName')!r} is used by no Deployment",
                )


def _pod(deployment: Object) -> Object:
    found: Object = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    return found
