"""What the YAML files of a project say: CRDs, RBAC rules, Deployments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.crd import crdfile
from kopfkit.doctor.sources import LARGEST, Sources

CRD = "CustomResourceDefinition"


@dataclass
class Manifests:
    """The manifests of a project.

    Attributes:
        crds: what is known of each CRD file, by its path.
        rules: RBAC rules, with file and line of their role.
        pods: pod templates' containers, with file, line, replicas.
    """

    crds: dict[Path, crdfile.CrdFile] = field(default_factory=dict)
    rules: list[tuple[Path, int, Mapping[str, Any]]] = field(default_factory=list)
    pods: list[tuple[Path, int, int, Mapping[str, Any]]] = field(default_factory=list)


def read(sources: Sources) -> Manifests:
    """Read every YAML and JSON file; those that are no manifests are passed over."""
    found = Manifests()
    # OLM's own and what kopfkit has generated say nothing that their source does not.
    generated = {"bundle", "config", "chart"}
    own = (sources.root / "catalog/releases.yaml").is_file()
    for path in sources.manifests:
        if own and path.parts[0] in generated:
            continue
        try:
            if (sources.root / path).stat().st_size > LARGEST:
                sources.notes.append(f"{path} was not read: it is larger than {LARGEST >> 20} MiB")
                continue
            documents = list(yamls.each(sources.root / path, str(path)))
        except OSError as error:
            sources.notes.append(f"{path} was not read: {error.strerror}")
            continue
        except yamls.DocumentError as error:
            sources.notes.append(f"{path} was not read: {error.clause}")
            continue
        for line, document in documents:
            if isinstance(document, Mapping):
                _add(found, sources, path, line, document)
    return found


def _add(
    found: Manifests, sources: Sources, path: Path, line: int, document: Mapping[str, Any]
) -> None:
    kind = document.get("kind")
    if kind == CRD and path not in found.crds:
        found.crds[path] = crdfile.read(sources.root / path)
    elif kind in ("Role", "ClusterRole"):
        rules = document.get("rules")
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, Mapping):
                found.rules.append((path, line, rule))
    elif kind == "Deployment":
        spec = _mapping(document.get("spec"))
        pod = _mapping(_mapping(spec.get("template")).get("spec"))
        replicas = spec.get("replicas", 1)
        for container in _mappings(pod.get("containers")):
            number = replicas if isinstance(replicas, int) else 1
            found.pods.append((path, line, number, container))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, Mapping))
