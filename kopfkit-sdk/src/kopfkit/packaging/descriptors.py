"""A CRD version's spec and status as the descriptors that OLM's consoles show, from its schema.

Every field gets one, so that the scorecard finds spec and status described in each version; which
widget shows it follows from its type and name. What is inside an object of the spec is shown as a
group.
"""

import re
from typing import Any

# Widgets of the OLM console (github.com/openshift/console, descriptors' reference).
UI = "urn:alm:descriptor:com.tectonic.ui:"
CONDITIONS = "urn:alm:descriptor:io.kubernetes.conditions"
LINK = "urn:alm:descriptor:org.w3:link"
STORAGE_CLASS = "urn:alm:descriptor:io.kubernetes:StorageClass"


def title(name: str) -> str:
    """A field's name for people: observedGeneration -> Observed Generation."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    text = words[:1].upper() + words[1:]
    return re.sub(r"\b(Url|Uri|Cpu|Id)\b", lambda match: match[0].upper(), text)


def _widgets(path: str, schema: dict[str, Any], *, spec: bool) -> list[str]:
    name = path.rpartition(".")[2]
    kind = schema.get("type")
    if not spec:
        if name == "conditions":
            return [CONDITIONS]
        return [LINK] if name in ("url", "uri") else [f"{UI}text"]
    if name == "resources":
        return [f"{UI}resourceRequirements"]
    if name == "storageClassName":
        return [STORAGE_CLASS]
    if kind == "integer":
        return [f"{UI}podCount" if name in ("replicas", "size") else f"{UI}number"]
    if kind == "boolean":
        return [f"{UI}booleanSwitch"]
    if "enum" in schema:
        return [f"{UI}select:{value}" for value in schema["enum"]]
    return [f"{UI}text"]


def _walk(path: str, schema: dict[str, Any], *, spec: bool) -> list[dict[str, Any]]:
    name = path.rpartition(".")[2]
    nested = schema.get("properties")
    group = path.partition(".")[0]
    own = {
        "description": schema.get("description", ""),
        "displayName": title(name),
        "path": path,
        "x-descriptors": [],
    }
    if nested and schema.get("type") == "object" and name != "resources":
        found = [
            one
            for key, child in nested.items()
            for one in _walk(f"{path}.{key}" if path else key, child, spec=spec)
        ]
        if not spec or path != group or not path:
            return found
        # The scorecard wants one for the field itself, and the console shows it as the group's.
        return [{**own, "x-descriptors": [f"{UI}fieldGroup:{group}"]}, *found]
    grouped = [f"{UI}fieldGroup:{group}"] if spec and path != group else []
    return [{**own, "x-descriptors": [*grouped, *_widgets(path, schema, spec=spec)]}]


def descriptors(crd: dict[str, Any], version: str, part: str) -> list[dict[str, Any]]:
    """The descriptors of `part` ("spec" or "status") of a CRD's version, sorted by path."""
    for one in crd["spec"]["versions"]:
        if one["name"] == version:
            schema = one["schema"]["openAPIV3Schema"].get("properties", {}).get(part, {})
            if not schema.get("properties"):
                return []
            found = _walk("", schema, spec=part == "spec")
            return sorted(found, key=lambda descriptor: str(descriptor["path"]))
    raise KeyError(version)
