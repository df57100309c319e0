"""Reads a bundle's directory. What cannot be read is a finding; the rest is read all the same."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kopfkit import manifests, yamls
from kopfkit.manifests import CRD, CSV, fitted, shapes
from kopfkit.packaging.checks.rules import RULES

Object = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One fault.

    Attributes:
        file: path of the file, as a person would write it from where the bundle is.
        field: the field in it ("spec.installModes"), "" for the whole file.
        why: what is wrong, as a clause.
        rule: a key of `RULES`.
    """

    file: str
    field: str
    why: str
    rule: str

    @property
    def place(self) -> str:
        """File and field in one."""
        return f"{self.file}: {self.field}" if self.field else self.file

    @property
    def severity(self) -> str:
        """The rule's."""
        return RULES[self.rule].severity


@dataclass
class Bundle:
    """What the files of a bundle hold, with the types of `kopfkit.manifests`.

    Attributes:
        directory: where they are.
        csv_file, csv: the ClusterServiceVersion.
        crds: name -> (file, CustomResourceDefinition); one of v1beta1 has its versions as v1 has
            them.
        others: (file, object) of everything else under manifests/.
        annotations_file, annotations: metadata/annotations.yaml.
        dockerfile, labels: the bundle's Dockerfile; None and nothing where it is not looked at.
    """

    directory: Path
    csv_file: str = ""
    csv: Object = field(default_factory=dict)
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

    @property
    def examples(self) -> list[Object]:
        """The objects in alm-examples; [] where it holds something else, which is a finding."""
        return manifests.examples(self.csv)[0]


def load(directory: Path, dockerfile: Path | None = None) -> tuple[Bundle | None, list[Finding]]:
    """The bundle, None if it has not exactly one CSV, and what is wrong with the files as such."""
    return _Reading(directory).bundle(dockerfile)


class _Reading:
    def __init__(self, directory: Path) -> None:
        self.directory, self.root = directory, directory.parent
        self.findings: list[Finding] = []
        self.csvs: list[tuple[str, Object]] = []
        self.read = Bundle(directory)

    def bundle(self, dockerfile: Path | None) -> tuple[Bundle | None, list[Finding]]:
        place = self.directory / "manifests"
        paths = sorted(path for path in place.glob("*") if path.suffix in yamls.ENDINGS)
        if not paths:
            self._tell(self._name(place), "no-manifests")("", "holds no manifests")
            return None, self.findings
        for path in paths:
            if path.is_file():
                self._manifests(path)
            else:
                self._tell(self._name(path), "unreadable")("", "is not a regular file")
        self._annotations()
        if dockerfile is not None:
            self.read.dockerfile = self._name(dockerfile)
            self.read.labels = self._labels(dockerfile)
        if len(self.csvs) != 1:
            where = f": {', '.join(name for name, _ in self.csvs)}" if self.csvs else ""
            why = f"holds {len(self.csvs)} ClusterServiceVersions, not one{where}"
            self._tell(self._name(place), "one-csv")("", why)
            return None, self.findings
        self.read.csv_file, self.read.csv = self.csvs[0]
        return self.read, self.findings

    def _manifests(self, path: Path) -> None:
        name = self._name(path)
        documents = self._documents(path)
        if len(documents) > 1:
            why = f"holds {len(documents)} documents, of which opm and OLM read the first"
            self._tell(name, "second-document")("", why)
        for document in documents:
            self._manifest(name, document)

    def _manifest(self, name: str, document: Object) -> None:
        one = manifests.typed(document, self._tell(name, "wrong-type"))
        kind, called = one.get("kind"), one["metadata"].get("name")
        if not called:
            self._tell(name, "no-name")("metadata.name", "is missing")
        elif kind == CSV:
            self.csvs.append((name, one))
        elif kind == CRD:
            if called in self.read.crds:
                why = f"{called} is in {self.read.crds[called][0]}, too"
                self._tell(name, "name-twice")("metadata.name", why)
            self.read.crds[called] = (name, manifests.as_v1(one))
        else:
            self.read.others.append((name, one))

    def _annotations(self) -> None:
        """As opm, which takes the first file in metadata/ that has annotations."""
        metadata = self.directory / "metadata"
        self.read.annotations_file = self._name(metadata / "annotations.yaml")
        usual = [metadata / "annotations.yaml"]
        others = sorted(path for path in metadata.glob("*") if path.suffix in yamls.ENDINGS)
        for path in usual if usual[0].exists() or not others else others:
            for one in self._documents(path):
                tell = self._tell(self._name(path), "wrong-type")
                found = fitted(one, shapes.ANNOTATIONS, tell)
                if found.get("annotations"):
                    self.read.annotations = {
                        key: value if isinstance(value, str) else json.dumps(value)
                        for key, value in found["annotations"].items()
                    }
                    self.read.annotations_file = self._name(path)
                    return

    def _documents(self, path: Path) -> list[Object]:
        name = self._name(path)
        try:
            found = yamls.read_all(path, name)
        except yamls.DocumentError as error:
            self._tell(name, "unreadable")("", error.clause)
            return []
        if not all(isinstance(one, dict) for one in found):
            self._tell(name, "wrong-type")("", "contains something that is not an object")
        return [one for one in found if isinstance(one, dict)]

    def _labels(self, path: Path) -> dict[str, str]:
        found = {}
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError) as error:
            self._tell(self._name(path), "unreadable")("", f"cannot be read ({error})")
            return {}
        for line in text.splitlines():
            if line.startswith("LABEL "):
                key, _, value = line.removeprefix("LABEL ").partition("=")
                found[key.strip()] = value.strip().strip('"')
        return found

    def _tell(self, file: str, rule: str) -> Callable[[str, str], None]:
        return lambda place, why: self.findings.append(Finding(file, place, why, rule))

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
