"""What a catalog's page shows, from the objects that a bundle or a catalog has of it.

Whoever wrote them, nothing fails here but what is larger than a browser shows: what has another
type than OLM reads is left out, and noted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kopfkit import manifests, yamls
from kopfkit.errors import KopfkitError
from kopfkit.manifests.fitting import Each, fitted
from kopfkit.packaging import graph, picture
from kopfkit.packaging.page import harmless
from kopfkit.packaging.page.fields import Field, fields_of
from kopfkit.packaging.releases import History
from kopfkit.packaging.ways import heads

Object = dict[str, Any]
# The capability levels, the lowest first (operatorframework.io/operator-capabilities).
LEVELS = ("Basic Install", "Seamless Upgrades", "Full Lifecycle", "Deep Insights", "Auto Pilot")
# Characters of a ClusterServiceVersion with its CRDs; etcd takes objects of 1.5 MiB. By aliases in
# YAML a few bytes stand for a long text, again and again.
_LARGEST = 32 << 20
# Notes, and characters of one.
_MOST_NOTES, _LONGEST_NOTE = 200, 1000
_FEATURES = "features.operators.openshift.io/"
_DESCRIPTORS = [{"path": str, "displayName": str, "description": str, "x-descriptors": [str]}]
_API = {
    "name": str,
    "kind": str,
    "version": str,
    "displayName": str,
    "description": str,
    "specDescriptors": _DESCRIPTORS,
    "statusDescriptors": _DESCRIPTORS,
}
_CSV = {
    "metadata": {"name": str, "annotations": Each(str)},
    "spec": {
        "displayName": str,
        "description": str,
        "version": str,
        "maturity": str,
        "minKubeVersion": str,
        "replaces": str,
        "skips": [str],
        "icon": [{"base64data": str, "mediatype": str}],
        "provider": {"name": str, "url": str},
        "maintainers": [{"name": str, "email": str}],
        "links": [{"name": str, "url": str}],
        "keywords": [str],
        "installModes": [{"type": str, "supported": bool}],
        "customresourcedefinitions": {"owned": [_API], "required": [_API]},
    },
}


@dataclass(frozen=True)
class Version:
    """A version of an API.

    Attributes:
        note: "stored", "not served", "deprecated", joined.
        fields: of spec and status; empty where no schema is at hand.
    """

    name: str
    note: str
    display: str
    description: str
    descriptors: Sequence[tuple[str, Object]]
    fields: Sequence[Field]


@dataclass(frozen=True)
class Api:
    """A kind that the operator owns or requires."""

    kind: str
    crd: str
    title: str
    description: str
    versions: Sequence[Version]


@dataclass(frozen=True)
class Page:
    """All that is shown.

    Attributes:
        icon: a data: URL, or "".
        description: HTML that is safe to show.
        level: index of the capability level, -1 where it is none of LEVELS.
        channels: name, version of its head, and whether it is the default.
        facts: name, value and URL ("" for none).
        links: name and URL.
        modes: the install modes, and whether each is supported.
        examples: kind with name, and YAML.
        graph: the upgrade graph as a data: URL of an SVG, and the same as text.
        notes: what is left out, and why.
    """

    name: str
    display_name: str
    version: str
    icon: str
    summary: str
    description: str
    capability: str
    level: int
    provider: tuple[str, str]
    facts: Sequence[tuple[str, str, str]]
    maintainers: Sequence[tuple[str, str]]
    links: Sequence[tuple[str, str]]
    categories: Sequence[str]
    keywords: Sequence[str]
    features: Sequence[tuple[str, bool]]
    modes: Sequence[tuple[str, bool]]
    examples: Sequence[tuple[str, str]]
    owned: Sequence[Api]
    required: Sequence[Api]
    channels: Sequence[tuple[str, str, bool]] = ()
    graph: tuple[str, str] = ("", "")
    notes: Sequence[str] = field(default_factory=list)


def page(
    csv: Object,
    crds: Iterable[Object] = (),
    *,
    history: History | None = None,
    channels: Sequence[tuple[str, str, bool]] = (),
) -> Page:
    """The page of an operator.

    Args:
        csv: its ClusterServiceVersion.
        crds: its CustomResourceDefinitions, of apiextensions v1 or v1beta1.
        history: its releases, where they are known.
        channels: where they are not: name, version of its head ("" if unknown), is the default.

    Raises:
        KopfkitError: it would be larger than a browser shows.
    """
    notes: list[str] = []

    def tell(where: str, why: str) -> None:
        if len(notes) < _MOST_NOTES:
            notes.append(f"{where} {why}"[:_LONGEST_NOTE])

    crds = list(crds)
    _require_showable([csv, *crds])
    found = fitted(csv, _CSV, tell)
    metadata, spec = found.get("metadata", {}), found.get("spec", {})
    annotations = metadata.get("annotations", {})
    examples, wrong = manifests.examples({"metadata": {"annotations": annotations}})
    for misfit in wrong:
        tell(*misfit)
    icons = spec.get("icon", [])
    icon, why = harmless.icon(icons[0]) if icons else ("", "")
    if why:
        tell("spec.icon", why)
    named = metadata.get("name", "")
    known = [manifests.as_v1(manifests.typed(crd, tell)) for crd in crds]
    definitions = {_name(crd): crd for crd in known}
    capability = annotations.get("capabilities", "")
    provider = spec.get("provider", {})
    drawn = ("", "")
    if history is not None:
        drawn = (harmless.svg_url(picture.svg(history)), graph.tree(history))
        channels = _channels(history)
    definition = spec.get("customresourcedefinitions", {})
    return Page(
        name=named,
        display_name=spec.get("displayName") or named or "An operator without a name",
        version=spec.get("version", ""),
        icon=icon,
        summary=annotations.get("description", ""),
        description=harmless.markdown(spec.get("description", "")),
        capability=capability,
        level=LEVELS.index(capability) if capability in LEVELS else -1,
        provider=(provider.get("name", ""), harmless.link(provider.get("url", ""))),
        facts=list(_facts(annotations, spec)),
        maintainers=[
            (one.get("name", ""), one.get("email", "")) for one in spec.get("maintainers", [])
        ],
        links=[
            (one.get("name") or one.get("url", ""), harmless.link(one.get("url", "")))
            for one in spec.get("links", [])
        ],
        categories=_listed(annotations.get("categories", "")),
        keywords=spec.get("keywords", []),
        features=sorted(
            (name.removeprefix(_FEATURES), value == "true")
            for name, value in annotations.items()
            if name.startswith(_FEATURES)
        ),
        modes=[
            (one.get("type", ""), one.get("supported", False))
            for one in spec.get("installModes", [])
        ],
        examples=[
            (
                f"{one.get('kind', '')} {one.get('metadata', {}).get('name', '')}".strip(),
                yamls.dump(one),
            )
            for one in examples
        ],
        owned=_apis(definition.get("owned", []), definitions),
        required=_apis(definition.get("required", []), {}),
        channels=channels,
        graph=drawn,
        notes=notes,
    )


def _require_showable(objects: Sequence[Object]) -> None:
    """Raises KopfkitError where the text in objects is more than _LARGEST."""
    size, left = 0, list[Any](objects)
    while left:
        one = left.pop()
        if isinstance(one, str):
            size += len(one)
        elif isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one
        if size > _LARGEST:
            raise KopfkitError("the page", f"would be larger than {_LARGEST >> 20} MiB")


def _facts(annotations: Mapping[str, str], spec: Object) -> Iterable[tuple[str, str, str]]:
    told = {
        "Created": annotations.get("createdAt", "")[:10],
        "Container image": annotations.get("containerImage", ""),
        "Repository": annotations.get("repository", ""),
        "Support": annotations.get("support", ""),
        "Maturity": spec.get("maturity", ""),
        "Kubernetes": f"{spec['minKubeVersion']} or newer" if spec.get("minKubeVersion") else "",
        "Replaces": spec.get("replaces", ""),
        "Skips": ", ".join(spec.get("skips", [])),
        "Replaces the range": annotations.get("olm.skipRange", ""),
    }
    return ((name, value, harmless.link(value)) for name, value in told.items() if value)


def _channels(history: History) -> list[tuple[str, str, bool]]:
    return [
        (
            name,
            ", ".join(one.version for one in heads(history, name)),
            name == history.default_channel,
        )
        for name in history.channels
    ]


def _name(obj: Object) -> str:
    return str(obj.get("metadata", {}).get("name", ""))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _apis(described: Sequence[Object], definitions: Mapping[str, Object]) -> list[Api]:
    by_crd: dict[str, list[Object]] = {}
    for one in described:
        by_crd.setdefault(one.get("name", ""), []).append(one)
    return [_api(name, told, definitions.get(name)) for name, told in by_crd.items()]


def _api(name: str, described: Sequence[Object], crd: Object | None) -> Api:
    told = {one.get("version", ""): one for one in described}
    spec = crd["spec"] if crd else {"versions": [{"name": each} for each in told]}
    versions = []
    for one in spec["versions"]:
        says = told.get(one["name"], {})
        remarks = {
            "stored": crd is not None and one.get("storage"),
            "not served": crd is not None and one.get("served") is False,
            "deprecated": one.get("deprecated"),
        }
        schema = one.get("schema", {}).get("openAPIV3Schema", {})
        descriptors = [
            (part, {"path": "", "displayName": "", "description": "", "x-descriptors": [], **each})
            for part in ("spec", "status")
            for each in says.get(f"{part}Descriptors", [])
        ]
        versions.append(
            Version(
                one["name"],
                ", ".join(remark for remark, holds in remarks.items() if holds),
                says.get("displayName", ""),
                says.get("description", ""),
                descriptors,
                list(fields_of(schema)),
            )
        )
    first = described[0]
    return Api(
        first.get("kind", ""),
        name,
        first.get("displayName") or first.get("kind", ""),
        first.get("description", ""),
        versions,
    )
