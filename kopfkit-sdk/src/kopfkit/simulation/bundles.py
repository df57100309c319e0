"""A bundle as OLM unpacks it: one ClusterServiceVersion, CRDs, and which webhooks it declares.

Only what matters to an upgrade is read. Whether the bundle is valid is for `kopfkit bundle
validate` to say.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit import manifests
from kopfkit.errors import KopfkitError
from kopfkit.manifests import CRD, CSV
from kopfkit.ranges import Range
from kopfkit.simulation.documents import read_documents

Object = dict[str, Any]
CONVERSION = "ConversionWebhook"
MUTATING = "MutatingAdmissionWebhook"


@dataclass(frozen=True)
class Bundle:
    """One release.

    Attributes:
        csv: the ClusterServiceVersion.
        crds: CustomResourceDefinitions (apiextensions.k8s.io/v1) by name.
    """

    csv: Object
    crds: Mapping[str, Object]

    @property
    def name(self) -> str:
        """The CSV's name ("helloworld-operator.v0.2.0")."""
        return str(self.csv["metadata"]["name"])

    @property
    def version(self) -> str:
        """spec.version, "" if there is none."""
        return str(self.csv["spec"].get("version", ""))

    @property
    def webhooks(self) -> list[Object]:
        """spec.webhookdefinitions."""
        found: list[Object] = self.csv["spec"].get("webhookdefinitions", [])
        return found

    def follows(self, old: "Bundle") -> bool | None:
        """Whether the CSV says that it follows a release: by replaces, skips or olm.skipRange.

        None if it says nothing of the kind, as where a file-based catalog alone does.
        """
        spec, annotations = self.csv["spec"], self.csv["metadata"].get("annotations", {})
        skips, text = spec.get("skips", []), annotations.get("olm.skipRange", "")
        if not (spec.get("replaces") or skips or text):
            return None
        return old.name in (spec.get("replaces"), *skips) or _in_range(old.version, text)

    def conversion(self, crd: str) -> Object | None:
        """The webhook definition that converts this CRD's objects."""
        for webhook in self.webhooks:
            if webhook.get("type") == CONVERSION and crd in webhook.get("conversionCRDs", []):
                return webhook
        return None

    @property
    def deployments(self) -> list[str]:
        """Names of the Deployments in the install strategy."""
        return [str(each.get("name")) for each in _install(self.csv).get("deployments", [])]

    def deployment(self, name: str) -> Object:
        """The entry of a Deployment in the install strategy; {} if there is none."""
        for entry in _install(self.csv).get("deployments", []):
            if entry.get("name") == name:
                return dict(entry)
        return {}

    def rules_of(self, deployment: str) -> Iterator[Object]:
        """The RBAC rules that OLM grants to a Deployment's service account in the namespace."""
        pod = self.deployment(deployment).get("spec", {}).get("template", {}).get("spec", {})
        account = pod.get("serviceAccountName", "default")
        for place in ("permissions", "clusterPermissions"):
            for entry in _install(self.csv).get(place, []):
                if entry.get("serviceAccountName") == account:
                    yield from entry.get("rules", [])


def bundle_of(objects: Iterable[Object], what: str = "the bundle") -> Bundle:
    """The bundle of these manifests; kinds that do not matter here are passed over.

    Raises:
        KopfkitError: there is not exactly one ClusterServiceVersion, it or a CRD has fields of
            other types than OLM reads, or a CRD is not v1.
    """
    found = list(objects)
    csvs = [each for each in found if each.get("kind") == CSV]
    if len(csvs) != 1:
        raise KopfkitError(
            what,
            f"has {len(csvs)} ClusterServiceVersions where a bundle has one",
            "Specify a bundle: the directory with manifests/ and metadata/.",
        )
    csv = _typed(csvs[0], what)
    if "spec" not in csv or not csv["metadata"].get("name"):
        raise KopfkitError(what, "has a ClusterServiceVersion without a name or a spec")
    crds = [checked_crd(each, what) for each in found if each.get("kind") == CRD]
    return Bundle(csv, {each["metadata"]["name"]: each for each in crds})


def checked_crd(crd: Object, what: str) -> Object:
    """The CRD, if it has what the simulation reads. Raises KopfkitError otherwise."""
    if crd.get("apiVersion") != "apiextensions.k8s.io/v1":
        raise KopfkitError(
            what,
            f"CRD {_name(crd)} is {crd.get('apiVersion')}, not apiextensions.k8s.io/v1",
            "Kubernetes does not support it since 1.22; convert it.",
        )
    found = manifests.as_v1(_typed(crd, what))
    spec, names = found["spec"], [each["name"] for each in found["spec"]["versions"]]
    if (
        not found["metadata"].get("name")
        or not all(names)
        or len(set(names)) != len(names)
        or sum(bool(each.get("storage")) for each in spec["versions"]) != 1
        or not all(each["schema"]["openAPIV3Schema"] for each in spec["versions"])
    ):
        raise KopfkitError(
            what,
            f"CRD {_name(crd)} does not have versions with a name and a schema, one of them stored",
            "The API server would reject it, too; fix it.",
        )
    return found


def _in_range(version: str, text: str) -> bool:
    """Whether a version is in a range of versions; False if one of the two is none."""
    try:
        return version in Range(text)
    except ValueError:
        return False


def _typed(document: Object, what: str) -> Object:
    wrong: list[str] = []
    found = manifests.typed(document, lambda field, why: wrong.append(f"{field} {why}"))
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        raise KopfkitError(
            what,
            f"{document.get('kind')} {_name(document)}: {'; '.join(wrong[:3])}{more}",
            "OLM would not read it, either; kopfkit bundle validate reports every such error.",
        )
    return found


def read_bundle(path: Path) -> Bundle:
    """The bundle in a directory: its manifests/, or the manifests in it.

    Raises:
        KopfkitError: it cannot be read or is no bundle.
    """
    inner = path / "manifests"
    return bundle_of(read_documents(inner if inner.is_dir() else path), str(path))


def _name(obj: Object) -> str:
    metadata = obj.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    return str(name or "without a name")


def _install(csv: Object) -> Object:
    return dict(csv["spec"].get("install", {}).get("spec", {}))
