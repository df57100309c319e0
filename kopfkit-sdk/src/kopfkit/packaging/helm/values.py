"""The chart's values: path, default, schema and meaning of each, in one list.

values.yaml, values.schema.json and the README's table are three forms of it.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from kopfkit.environment import ALL_NAMESPACES, WATCH_NAMESPACE
from kopfkit.errors import KopfkitError
from kopfkit.packaging.inputs import split_image
from kopfkit.packaging.workloads import Object, deployment_spec
from kopfkit.project import Deployment, Project
from kopfkit.yamls import dump

_MAP = {"type": "object", "additionalProperties": {"type": "string"}}
_OWN = ("app.kubernetes.io/name", "app.kubernetes.io/component")
# Labels of the selectors: with others, nothing finds the pods.
_LABELS = {**_MAP, "propertyNames": {"not": {"enum": list(_OWN)}}}
_STRINGS = {"type": "array", "items": {"type": "string"}}
# Can stand behind `.Values.` in a template.
_KEY = re.compile("[A-Za-z][A-Za-z0-9]*")


@dataclass(frozen=True)
class Value:
    """One value of the chart.

    Attributes:
        path: its keys, e.g. ("image", "tag").
        default: what values.yaml has.
        schema: JSON schema of what it may be.
        text: one sentence.
    """

    path: tuple[str, ...]
    default: Any
    schema: Object
    text: str


def component_key(deployment: Deployment) -> str:
    """The key of a Deployment's own values: its component in camelCase."""
    first, *rest = re.split(r"[^A-Za-z0-9]+", deployment.component)
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def logs(deployment: Deployment) -> bool:
    """Whether the process reads LOG_FORMAT and LOG_LEVEL, as kopfkit's own commands do."""
    return "LOG_FORMAT" in deployment.env


def values(project: Project, image: str) -> list[Value]:
    """All values, in the order of values.yaml.

    Raises:
        KopfkitError: a Deployment's component has the name of another value, or is none.
    """
    found = [*_images(project, image), *_common(project)]
    # `global` is Helm's own.
    taken = {"global", *(one.path[0] for one in found)}
    for deployment in project.deployments:
        key = component_key(deployment)
        if not _KEY.fullmatch(key):
            raise KopfkitError(
                f"Deployment {deployment.name}",
                f"its component {deployment.component!r} cannot name values of a chart",
                "Give it one that begins with a letter.",
            )
        if key in taken:
            raise KopfkitError(
                f"Deployment {deployment.name}",
                f"its component {deployment.component!r} is {key!r} in the chart's values, "
                "which has another meaning",
                "Give it another component.",
            )
        taken.add(key)
        found += _deployment(project, deployment, key)
    return found


def _images(project: Project, image: str) -> list[Value]:
    name, tag, digest = split_image(image)
    text = {"type": "string"}
    found = [
        Value(("image", "repository"), name, {**text, "minLength": 1}, "Image of every process."),
        Value(("image", "tag"), tag, text, "Tag of the image."),
        Value(
            ("image", "digest"),
            digest,
            {**text, "pattern": "^(sha256:[0-9a-f]{64})?$"},
            "Digest of the image (sha256:...), used instead of the tag.",
        ),
        Value(
            ("image", "pullPolicy"),
            "IfNotPresent",
            {"enum": ["Always", "IfNotPresent", "Never"]},
            "When the kubelet pulls it.",
        ),
        Value(
            ("imagePullSecrets",),
            [],
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": text},
                    "additionalProperties": False,
                },
            },
            "Secrets for pulling the image, as `- name: NAME`.",
        ),
    ]
    for one in project.related_images:
        default = f"; if empty, {one.image or 'the image above'}"
        path = ("relatedImages", one.env)
        found.append(Value(path, "", text, f"Image that the operator runs: {one.name}{default}."))
    return found


def _common(project: Project) -> list[Value]:
    boolean = {"type": "boolean"}
    found = [_namespaces(project)] if project.limitable else []
    found += [
        Value(("commonLabels",), {}, _LABELS, "Labels for every object, besides its own."),
        Value(("commonAnnotations",), {}, _MAP, "Annotations for every object, besides its own."),
        Value(
            ("crds", "install"),
            True,
            boolean,
            "Install and upgrade the CRDs with the release. They always stay when it is "
            "uninstalled.",
        ),
        Value(("networkPolicy", "enabled"), True, boolean, "Limit who reaches the pods' ports."),
    ]
    if project.monitoring is not None:
        found += [
            Value(
                ("monitoring", "enabled"),
                True,
                boolean,
                "Have the operator create its ServiceMonitor and PrometheusRule where the "
                "Prometheus operator's APIs are served.",
            ),
            Value(
                ("monitoring", "labels"),
                {},
                _MAP,
                "Labels by which a Prometheus selects both, when they are created.",
            ),
        ]
    if any(logs(each) for each in project.deployments):
        (form, *_) = [each.env["LOG_FORMAT"] for each in project.deployments if logs(each)]
        levels = ["", "debug", "info", "warning", "error"]
        found += [
            Value(("log", "format"), form, {"enum": ["text", "json"]}, "Format of the log lines."),
            Value(("log", "level"), "", {"enum": levels}, "Minimum log level; if empty, info."),
        ]
    return found


def _namespaces(project: Project) -> Value:
    """Where the operator may watch less than all namespaces, those that it watches."""
    everywhere = ALL_NAMESPACES in project.install_modes
    schema: Object = {**_STRINGS, "uniqueItems": True}
    if "MultiNamespace" not in project.install_modes:
        schema["maxItems"] = 1
    return Value(
        ("watchNamespaces",),
        [],
        schema,
        "Namespaces that the operator watches, with Roles in each; if empty, "
        f"{'all of them' if everywhere else 'its own'}. They have to exist.",
    )


def _deployment(project: Project, deployment: Deployment, key: str) -> list[Value]:
    pod = deployment_spec(project, deployment, "", mount_certificate=True)["template"]["spec"]
    mapping = {"type": "object"}
    name = deployment.name
    taken = {one["name"] for one in pod["containers"][0]["env"]}
    if logs(deployment):
        taken.add("LOG_LEVEL")
    if deployment.api_access and project.limitable:
        taken.add(WATCH_NAMESPACE)
    return [
        Value(
            (key, "replicas"),
            deployment.replicas,
            {"type": "integer", "minimum": 0},
            f"Pods of the Deployment {name}.",
        ),
        Value(
            (key, "resources"),
            pod["containers"][0]["resources"],
            mapping,
            "Requests and limits of each pod.",
        ),
        Value((key, "nodeSelector"), {}, _MAP, "Labels of the nodes that the pods run on."),
        Value(
            (key, "tolerations"),
            [],
            {"type": "array", "items": mapping},
            "Taints of nodes that the pods tolerate.",
        ),
        Value(
            (key, "affinity"),
            pod.get("affinity", {}),
            mapping,
            "Affinity of the pods. A map is merged with this one: null removes a key of it.",
        ),
        Value((key, "podLabels"), {}, _LABELS, "Labels of the pods besides their own."),
        Value((key, "podAnnotations"), {}, _MAP, "Annotations of the pods besides their own."),
        Value(
            (key, "env"),
            {},
            {**_MAP, "propertyNames": {"not": {"enum": sorted(taken)}}},
            "Environment variables besides the operator's own.",
        ),
        Value((key, "extraArgs"), [], _STRINGS, "Arguments after the operator's own."),
    ]


def values_yaml(listed: list[Value]) -> str:
    """values.yaml, with each value's meaning above it."""
    lines: list[str] = []
    above = ""
    for one in listed:
        group, indent = (one.path[0], "  ") if len(one.path) > 1 else ("", "")
        if group and group != above:
            lines.append(f"{group}:")
        above = group
        text = dump({one.path[-1]: one.default}).rstrip("\n").split("\n")
        lines += [f"{indent}# {one.text}", *(f"{indent}{line}" for line in text)]
    return "\n".join(lines) + "\n"


def schema(listed: list[Value], title: str) -> str:
    """values.schema.json without its first line, which opens the object."""
    tree: Object = {}
    for one in listed:
        node = tree
        for key in one.path[:-1]:
            empty = {"type": "object", "properties": {}, "additionalProperties": False}
            node = node.setdefault(key, empty)["properties"]
        node[one.path[-1]] = {"description": one.text, **one.schema}
    # What Helm itself gives a chart that is another's dependency.
    tree["global"] = {"type": "object"}
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "type": "object",
        "properties": tree,
        "additionalProperties": False,
    }
    return json.dumps(whole, indent=2).removeprefix("{\n") + "\n"


def table(listed: list[Value]) -> str:
    """The values as a Markdown table."""
    rows = ["| value | default | |", "|---|---|---|"]
    for one in listed:
        shown = json.dumps(one.default).replace("|", "\\|")
        rows.append(f"| `{'.'.join(one.path)}` | `{shown}` | {one.text} |")
    return "\n".join(rows) + "\n"
