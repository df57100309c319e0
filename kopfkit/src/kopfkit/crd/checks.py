"""What the API server would refuse about names, columns and scale, refused while generating.

The API server does not check that a printer column or a scale path exists at all: a typing mistake
shows as an empty column, or as an autoscaler that does nothing. Here it is an error.
"""

import re
from collections.abc import Sequence
from typing import Any

from kopfkit.crd.errors import CrdError, Errors
from kopfkit.crd.resource import Column, CustomResource, Version
from kopfkit.crd.schema import Schema

_COLUMN_TYPES = {"integer", "number", "string", "boolean", "date"}
# kubectl's JSONPath as far as columns use it: .a.b, ['a'], [0], [?(@.type=="Ready")].
_STEP = re.compile(r"\.(?P<name>[A-Za-z_][\w-]*)|\['(?P<quoted>[^']+)'\]|(?P<item>\[[^\]]+\])")
_VERSION_NAME = re.compile(r"^v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?$")
_DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")


def check_resource(resource: CustomResource, versions: Sequence[Version[Any, Any]]) -> None:
    """Refuse names the API server refuses."""
    where = resource.crd_name
    if "." not in resource.group:
        raise CrdError(where, f"the group {resource.group} has no dot", "Use a domain you own.")
    for name in (resource.plural, resource.singular, *resource.short_names):
        if not _DNS_LABEL.match(name):
            raise CrdError(where, f"the name {name!r} is not a lowercase DNS label")
    if resource.scope not in ("Namespaced", "Cluster"):
        raise CrdError(where, f"the scope {resource.scope!r} is not Namespaced or Cluster")
    names = [version.name for version in versions]
    for name in names:
        if not _VERSION_NAME.match(name):
            raise CrdError(where, f"the version name {name!r} is not like v1, v1beta1, v1alpha1")
        if names.count(name) > 1:
            raise CrdError(where, f"the version {name} is described twice")


def check_stored(resource: CustomResource, versions: Sequence[Version[Any, Any]]) -> None:
    """Refuse anything but one storage version, and a CRD that serves none."""
    where = resource.crd_name
    stored = [version.name for version in versions if version.storage]
    if len(stored) != 1:
        raise CrdError(
            where,
            f"has {len(stored)} storage versions ({', '.join(stored) or 'none'})",
            "Exactly one version is the storage version.",
        )
    if not any(version.served for version in versions):
        raise CrdError(where, "serves no version", "Serve at least one.")


def check_columns(version: Version[Any, Any], schema: Schema, where: str) -> None:
    """Refuse a column whose path does not exist or whose type does not fit the field's."""
    errors = Errors()
    for column in version.columns:
        with errors.collected():
            _check_column(column, schema, f"{where} column {column.name}")
    errors.raise_if_any(where)


def _check_column(column: Column, schema: Schema, what: str) -> None:
    if column.type not in _COLUMN_TYPES:
        raise CrdError(what, f"has the unknown type {column.type!r}")
    found = _resolve(schema, column.path, what)
    if found is not None and column.type in ("integer", "number", "boolean"):
        actual = found.get("type")
        if actual != column.type:
            raise CrdError(what, f"is {column.type}, but {column.path} is {actual}")


def check_scale(version: Version[Any, Any], schema: Schema, where: str) -> None:
    """Refuse a scale subresource whose paths do not lead to what the API server needs."""
    if version.scale is None:
        return
    expected = [
        (version.scale.spec_path, ".spec.", "integer"),
        (version.scale.status_path, ".status.", "integer"),
    ]
    if version.scale.selector_path:
        # Either place is legal for the selector; a status field is what controllers fill in.
        start = ".spec." if version.scale.selector_path.startswith(".spec.") else ".status."
        expected.append((version.scale.selector_path, start, "string"))
    for path, start, kind in expected:
        what = f"{where} scale path {path}"
        if not path.startswith(start):
            raise CrdError(what, f"does not start with {start}")
        if "[" in path:
            raise CrdError(what, "uses brackets, which the API server does not allow here")
        found = _resolve(schema, path, what)
        if found is None or found.get("type") != kind:
            raise CrdError(what, f"does not lead to a field of type {kind}")


def _resolve(schema: Schema, path: str, what: str) -> Schema | None:
    """The schema at a JSONPath; None below a point without one (metadata, free-form objects)."""
    position = 0
    current = schema
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise CrdError(what, f"the path {path} is not a JSONPath that kubectl reads")
        position = step.end()
        if step["item"]:
            following = current.get("items")
        else:
            name = step["name"] or step["quoted"]
            if current.get("x-kubernetes-preserve-unknown-fields") or (
                current is schema["properties"]["metadata"]
            ):
                return None
            properties = current.get("properties", {})
            following = properties.get(name, current.get("additionalProperties"))
        if not isinstance(following, dict):
            raise CrdError(
                what, f"the path {path} does not exist", f"It ends at {path[:position]}."
            )
        current = following
    return current
