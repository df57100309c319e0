"""What a console shows of the operator, and what its pods need: examples, descriptors, images,
service accounts."""

from collections.abc import Iterator
from typing import Any

from kopfkit.manifests import examples as parsed
from kopfkit.packaging.checks.files import Bundle, Finding, Object

_EXAMPLES = "metadata.annotations.alm-examples"
_OWNED = "spec.customresourcedefinitions.owned"


def examples(bundle: Bundle) -> Iterator[Finding]:
    """alm-examples is JSON, of owned kinds only, and has one for every served version."""
    file = bundle.csv_file
    found, wrong = parsed(bundle.csv)
    for field, why in wrong:
        # Of the text as a whole, or of a value in one of the objects.
        yield Finding(file, field, why, "examples-json" if field == _EXAMPLES else "examples-types")
    if any(field == _EXAMPLES for field, _ in wrong):
        return
    seen = {(one.get("apiVersion", ""), one.get("kind", "")) for one in found}
    served = {
        (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
        for _, crd in bundle.crds.values()
        for version in crd["spec"]["versions"]
        if version.get("served")
    }
    for version, kind in sorted(served - seen):
        yield Finding(file, _EXAMPLES, f"has no {kind} of {version}", "examples-complete")
    provided = served | _provided(bundle)
    for index, one in enumerate(found):
        place = f"{_EXAMPLES}[{index}]"
        if (one.get("apiVersion", ""), one.get("kind", "")) not in provided:
            what = f"{one.get('kind')} of {one.get('apiVersion')}"
            why = f"is a {what}, which no CRD of the bundle serves"
            yield Finding(file, place, why, "examples-foreign")
        if not isinstance(one.get("spec"), dict):
            yield Finding(file, f"{place}.spec", "is missing", "examples-complete")


def _provided(bundle: Bundle) -> set[tuple[str, str]]:
    """What the CSV says that it owns, as (apiVersion, kind)."""
    services = bundle.spec.get("apiservicedefinitions", {}).get("owned", [])
    found = {(f"{one.get('group')}/{one.get('version')}", one.get("kind", "")) for one in services}
    for one in bundle.owned:
        group = one.get("name", "").partition(".")[2]
        found.add((f"{group}/{one.get('version')}", one.get("kind", "")))
    return found


def descriptors(bundle: Bundle) -> Iterator[Finding]:
    """Every version of every CRD is described, each of its fields, and nothing else."""
    file = bundle.csv_file
    described = {(one.get("name"), one.get("version")): one for one in bundle.owned}
    places = {
        (one.get("name"), one.get("version")): f"{_OWNED}[{index}]"
        for index, one in enumerate(bundle.owned)
    }
    for name, (_, crd) in sorted(bundle.crds.items()):
        for version in crd["spec"]["versions"]:
            key = (name, version["name"])
            one = described.pop(key, None)
            if one is None:
                if version.get("served"):
                    why = f"does not describe {version['name']} of {name}"
                    yield Finding(file, _OWNED, why, "descriptors")
                continue
            if not one.get("resources"):
                yield Finding(file, f"{places[key]}.resources", "is empty", "descriptors")
            schema = version["schema"]["openAPIV3Schema"]
            for part in ("spec", "status"):
                for field, why in _fields(one, part, schema):
                    yield Finding(file, f"{places[key]}.{field}", why, "descriptors")
    for left in described:
        why = f"describes {left[1]} of {left[0]}, which is not in the bundle"
        yield Finding(file, places[left], why, "owned-not-there")


def _fields(one: Object, part: str, schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    field = f"{part}Descriptors"
    fields = schema.get("properties", {}).get(part, {})
    paths = [each.get("path", "") for each in one.get(field, [])]
    # The scorecard compares whole paths in the spec, and looks for any descriptor in the status.
    covered = set(paths) if part == "spec" else {path.partition(".")[0] for path in paths}
    for name in sorted(set(fields.get("properties", {})) - covered):
        yield field, f"has none for {part}.{name} of {one['version']}"
    for index, path in enumerate(paths):
        if not _leads_somewhere(fields, path):
            yield f"{field}[{index}].path", f"{path!r} is not a field of {one['version']}"


def _leads_somewhere(schema: dict[str, Any], path: str) -> bool:
    for name in path.replace("[0]", "").split("."):
        schema = schema.get("items") or schema
        if schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("additionalProperties"):
            return True
        if name not in schema.get("properties", {}):
            return False
        schema = schema["properties"][name]
    return True


def images(bundle: Bundle) -> Iterator[Finding]:
    """What the Deployments run is in relatedImages, from which mirrors are made."""
    listed = {one.get("image") for one in bundle.spec.get("relatedImages", [])}
    for place, image in used_images(bundle):
        if image not in listed:
            why = f"{image} is not in spec.relatedImages"
            yield Finding(bundle.csv_file, place, why, "related-images")


def used_images(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """The images that containers run, or are told by a variable RELATED_IMAGE_*: (field, image)."""
    for index, deployment in enumerate(bundle.deployments):
        pod = _pod(deployment)
        place = f"spec.install.spec.deployments[{index}].spec.template.spec"
        for kind in ("initContainers", "containers"):
            for number, container in enumerate(pod.get(kind, [])):
                if container.get("image"):
                    yield f"{place}.{kind}[{number}].image", container["image"]
                for variable in container.get("env", []):
                    name = variable.get("name", "")
                    if name.startswith("RELATED_IMAGE_") and variable.get("value"):
                        yield f"{place}.{kind}[{number}].env[{name}]", variable["value"]


def service_accounts(bundle: Bundle) -> Iterator[Finding]:
    """Rights are given to accounts that a Deployment uses; OLM makes the accounts of the rights."""
    install = bundle.spec.get("install", {}).get("spec", {})
    named = {_pod(one).get("serviceAccountName", "") for one in bundle.deployments}
    for file, one in bundle.others:
        if one.get("kind") == "ServiceAccount" and one["metadata"]["name"] in named:
            why = (
                f"OLM makes the account {one['metadata']['name']} itself, as a Deployment names it"
            )
            yield Finding(file, "metadata.name", why, "service-account-twice")
    used = {_pod(one).get("serviceAccountName", "default") for one in bundle.deployments}
    for kind in ("permissions", "clusterPermissions"):
        for index, one in enumerate(install.get(kind, [])):
            if one.get("serviceAccountName") not in used:
                yield Finding(
                    bundle.csv_file,
                    f"spec.install.spec.{kind}[{index}].serviceAccountName",
                    f"{one.get('serviceAccountName')!r} is used by no Deployment",
                    "service-accounts",
                )


def _pod(deployment: Object) -> Object:
    found: Object = deployment.get("spec", {}).get("template", {}).get("spec", {})
    return found
