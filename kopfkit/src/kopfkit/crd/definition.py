"""A CustomResource as the CustomResourceDefinition object a cluster is given.

Pure: the result depends on the arguments alone, so that generating twice gives the same bytes.
"""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from kopfkit.crd.checks import check_columns, check_resource, check_scale, check_stored
from kopfkit.crd.errors import CrdError, Errors
from kopfkit.crd.resource import Column, CustomResource, Version
from kopfkit.crd.schema import Schema, schema_of


def custom_resource_definition(
    resource: CustomResource,
    *,
    conversion: dict[str, Any] | None = None,
    served: Collection[str] | None = None,
    storage: str | None = None,
) -> dict[str, Any]:
    """The CRD of a resource, as a plain JSON-able dict with a fixed key order.

    Args:
        resource: the description.
        conversion: `spec.conversion`; None leaves the API server's default (strategy None).
        served: names of the versions to serve; None takes each version's own flag. A version not
            served stays in the CRD (`status.storedVersions` may still name it).
        storage: name of the version to store; None takes the versions' own flag.

    Raises:
        CrdError: what the API server would refuse, or what is ambiguous.
    """
    versions = _releases(resource, served, storage)
    if resource.file is None:
        check_resource(resource, versions)
    check_stored(resource, versions)
    if resource.file is not None:
        return _as_filed(resource.file.content, versions, conversion)
    spec: dict[str, Any] = {
        "group": resource.group,
        "names": {
            "categories": list(resource.categories),
            "kind": resource.kind,
            "listKind": resource.list_kind,
            "plural": resource.plural,
            "shortNames": list(resource.short_names),
            "singular": resource.singular,
        },
        "scope": resource.scope,
        "versions": _versions(resource, versions),
    }
    spec["names"] = {key: value for key, value in spec["names"].items() if value}
    if conversion is not None:
        spec["conversion"] = conversion
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.crd_name},
        "spec": spec,
    }


def _as_filed(
    crd: Mapping[str, Any], versions: Sequence[Version[Any, Any]], conversion: dict[str, Any] | None
) -> dict[str, Any]:
    """The CRD of a file, with what a release decides: versions, their flags, the conversion."""
    spec = crd["spec"]
    known = {one["name"]: one for one in spec["versions"]}
    found = []
    for version in versions:
        flags: dict[str, Any] = {"served": version.served, "storage": version.storage}
        if version.deprecation_warning is not None:
            flags["deprecated"] = True
            if known[version.name].get("deprecated") is not True:
                flags["deprecationWarning"] = version.deprecation_warning
        found.append({**known[version.name], **flags})
    rest = {key: value for key, value in spec.items() if key != "conversion"}
    # Generators of CRDs write it as null, and no other value may be in a file.
    meta = {key: one for key, one in crd["metadata"].items() if key != "creationTimestamp"}
    return deepcopy(
        {
            **{key: value for key, value in crd.items() if key != "status"},
            "metadata": meta,
            "spec": {
                **rest,
                "versions": found,
                **({"conversion": conversion} if conversion is not None else {}),
            },
        }
    )


def _releases(
    resource: CustomResource, served: Collection[str] | None, storage: str | None
) -> list[Version[Any, Any]]:
    """The versions with one release's served and storage flags."""
    known = {version.name for version in resource.versions}
    for name in {*(served or ()), *([storage] if storage else [])} - known:
        raise CrdError(
            resource.crd_name,
            f"has no version {name}",
            f"Valid values: {', '.join(sorted(known))}.",
        )
    return [
        replace(
            version,
            served=version.served if served is None else version.name in served,
            storage=version.storage if storage is None else version.name == storage,
        )
        for version in resource.versions
    ]


def _versions(resource: CustomResource, versions: list[Version[Any, Any]]) -> list[dict[str, Any]]:
    errors, made = Errors(), []
    for version in versions:
        with errors.collected():
            made.append(_version(resource, version))
    errors.raise_if_any(resource.crd_name)
    return made


def _version(resource: CustomResource, version: Version[Any, Any]) -> dict[str, Any]:
    where = f"{resource.kind} {version.name}"
    schema = _root_schema(version, where)
    errors = Errors()
    with errors.collected():
        check_columns(version, schema, where)
    with errors.collected():
        check_scale(version, schema, where)
    errors.raise_if_any(where)
    result: dict[str, Any] = {
        "name": version.name,
        "served": version.served,
        "storage": version.storage,
    }
    if version.deprecation_warning is not None:
        result["deprecated"] = True
        result["deprecationWarning"] = version.deprecation_warning
    result["additionalPrinterColumns"] = [_column(column) for column in version.columns]
    result["schema"] = {"openAPIV3Schema": schema}
    result["subresources"] = {"status": {}}
    if version.scale is not None:
        scale = {
            "specReplicasPath": version.scale.spec_path,
            "statusReplicasPath": version.scale.status_path,
            "labelSelectorPath": version.scale.selector_path,
        }
        result["subresources"]["scale"] = {key: path for key, path in scale.items() if path}
    return result


def _root_schema(version: Version[Any, Any], where: str) -> Schema:
    if not version.description:
        raise CrdError(where, "has no description", "Version(description=...) is what it needs.")
    errors = Errors()
    spec: Schema = {}
    status: Schema = {}
    with errors.collected():
        spec = schema_of(version.spec, f"{where} .spec")
    with errors.collected():
        status = schema_of(version.status, f"{where} .status")
    errors.raise_if_any(where)
    root: Schema = {
        "description": version.description,
        "type": "object",
        "properties": {
            "apiVersion": {
                "description": "The API group and version of this object.",
                "type": "string",
            },
            "kind": {"description": "The kind of this object.", "type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    # A spec that can do without any field may be left out whole and then means all defaults.
    if "required" in spec:
        root["required"] = ["spec"]
    else:
        spec["default"] = {}
    return root


def _column(column: Column) -> dict[str, Any]:
    result: dict[str, Any] = {"name": column.name, "type": column.type}
    if column.format:
        result["format"] = column.format
    if column.description:
        result["description"] = column.description
    if column.priority:
        result["priority"] = column.priority
    result["jsonPath"] = column.path
    return result
