"""Reads a bundle's directory. What cannot be read is a finding; the rest is read all the same."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kopfkit import yamls

Object = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One fault.

    Attributes:
        file: path of the file, as a person would write it from where the bundle is.
        field: the field in it ("spec.installModes"), "" for the whole file.
        why: what is wrong, as a clause.
    """

    file: str
    field: str
    why: str

    @property
    def place(self) -> str:
        """File and field in one."""
        return f"{self.file}: {self.field}" if self.field else self.file


@dataclass
class Bundle:
    """What the files of a bundle hold.

    Attributes:
        csv_file, csv: the ClusterServiceVersion.
        crds: name -> (file, CustomResourceDefinition).
        others: (file, object) of everything else under manifests/.
        annotations_file, annotations: metadata/annotations.yaml.
        dockerfile, labels: the bundle's Dockerfile; None and nothing where it is not looked at.
    """

    csv_file: str
    csv: Object
    crds: dict[str, tuple[str, Object]] = field(default_factory=dict)
    others: list[tuple[str, Object]] = field(default_factory=list)
    annotations_file: str = ""
    annotations: dict[str, str] = field(default_factory=dict)
    dockerfile: str = ""
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def spec(self) -> Object:
        """The CSV's spec."""
        found: Object = self.csv.get("spec") or {}
        return found

    @property
    def owned(self) -> list[Object]:
        """The CSV's descriptions of the CRDs that it owns, one for each version."""
        described = self.spec.get("customresourcedefinitions") or {}
        return list(described.get("owned") or [])

    @property
    def deployments(self) -> list[Object]:
        """The CSV's Deployments: name and spec."""
        install = (self.spec.get("install") or {}).get("spec") or {}
        return list(install.get("deployments") or [])


def load(directory: Path, dockerfile: Path | None = None) -> tuple[Bundle | None, list[Finding]]:
    """The bundle, None if it has not exactly one CSV, and what is wrong with the files as such."""
    findings: list[Finding] = []
    root = directory.parent
    manifests = directory / "manifests"
    paths = sorted(path for path in manifests.glob("*") if path.suffix in yamls.ENDINGS)
    if not paths:
        return None, [Finding(_name(manifests, root), "", "holds no manifests (run make bundle)")]
    csvs: list[tuple[str, Object]] = []
    bundle = Bundle("", {})
    for path in paths:
        name = _name(path, root)
        for one in _documents(path, name, findings):
            kind = one.get("kind")
            if not isinstance(one.get("metadata"), dict) or not one["metadata"].get("name"):
                findings.append(Finding(name, "metadata.name", "is missing"))
            elif kind == "ClusterServiceVersion":
                csvs.append((name, one))
            elif kind == "CustomResourceDefinition":
                bundle.crds[one["metadata"]["name"]] = (name, one)
            else:
                bundle.others.append((name, one))
    annotations = directory / "metadata" / "annotations.yaml"
    bundle.annotations_file = _name(annotations, root)
    for one in _documents(annotations, bundle.annotations_file, findings):
        bundle.annotations = dict(one.get("annotations") or {})
    if dockerfile is not None:
        bundle.dockerfile = _name(dockerfile, root)
        bundle.labels = _labels(dockerfile, bundle.dockerfile, findings)
    if len(csvs) != 1:
        findings.append(Finding(_name(manifests, root), "", _count(csvs)))
        return None, findings
    bundle.csv_file, bundle.csv = csvs[0]
    return bundle, findings


def _count(csvs: list[tuple[str, Object]]) -> str:
    where = f": {', '.join(name for name, _ in csvs)}" if csvs else ""
    return f"holds {len(csvs)} ClusterServiceVersions, not one{where}"


def _documents(path: Path, name: str, findings: list[Finding]) -> list[Object]:
    try:
        found = yamls.read_all(path, name)
    except yamls.DocumentError as error:
        findings.append(Finding(name, "", error.clause))
        return []
    if not all(isinstance(one, dict) for one in found):
        findings.append(Finding(name, "", "holds something that is no object"))
    return [one for one in found if isinstance(one, dict)]


def _labels(path: Path, name: str, findings: list[Finding]) -> dict[str, str]:
    found = {}
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        findings.append(Finding(name, "", f"cannot be read ({error})"))
        return {}
    for line in text.splitlines():
        if line.startswith("LABEL "):
            key, _, value = line.removeprefix("LABEL ").partition("=")
            found[key.strip()] = value.strip().strip('"')
    return found


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
