"""A bundle as OLM unpacks it: one ClusterServiceVersion, CRDs, and which webhooks it declares.

Only what matters to an upgrade is read. Whether the bundle is valid is for `kopfkit bundle
validate` to say.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.simulation.documents import read_documents

Object = dict[str, Any]
CSV = "ClusterServiceVersion"
CRD = "CustomResourceDefinition"
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
    def webhooks(self) -> list[Object]:
        """spec.webhookdefinitions."""
        return self.csv["spec"].get("webhookdefinitions") or []

    def conversion(self, crd: str) -> Object | None:
        """The webhook definition that converts this CRD's objects."""
        for webhook in self.webhooks:
            if webhook.get("type") == CONVERSION and crd in (webhook.get("conversionCRDs") or []):
                return webhook
        return None

    @property
    def deployments(self) -> list[str]:
        """Names of the Deployments in the install strategy."""
        return [str(each.get("name")) for each in _install(self.csv).get("deployments") or []]

    def deployment(self, name: str) -> Object:
        """The entry of a Deployment in the install strategy; {} if there is none."""
        for entry in _install(self.csv).get("deployments") or []:
            if entry.get("name") == name:
                return dict(entry)
        return {}

    def rules_of(self, deployment: str) -> Iterator[Object]:
        """The RBAC rules that OLM grants to a Deployment's service account in the namespace."""
        pod = self.deployment(deployment).get("spec", {}).get("template", {}).get("spec", {})
        account = pod.get("serviceAccountName", "default")
        for place in ("permissions", "clusterPermissions"):
            for entry in _install(self.csv).get(place) or []:
                if entry.get("serviceAccountName") == account:
                    yield from entry.get("rules") or []


def bundle_of(objects: Iterable[Object], what: str = "the bundle") -> Bundle:
    """The bundle of these manifests; kinds that do not matter here are passed over.

    Raises:
        KopfkitError: there is not exactly one ClusterServiceVersion, or a CRD is not v1.
    """
    found = list(objects)
    csvs = [each for each in found if each.get("kind") == CSV]
    if len(csvs) != 1:
        raise KopfkitError(
            what,
            f"has {len(csvs)} ClusterServiceVersions where a bundle has one",
            "Name a bundle: the directory with manifests/ and metadata/.",
        )
    if not isinstance(csvs[0].get("spec"), dict) or not _name(csvs[0]):
        raise KopfkitError(what, "has a ClusterServiceVersion without a name or a spec")
    crds = {}
    for each in found:
        if each.get("kind") == CRD:
            crds[_name(each)] = checked_crd(each, what)
    return Bundle(csvs[0], crds)


def checked_crd(crd: Object, what: str) -> Object:
    """The CRD, if it has what the simulation reads. Raises KopfkitError otherwise."""
    name = _name(crd) or "without a name"
    if crd.get("apiVersion") != "apiextensions.k8s.io/v1":
        raise KopfkitError(
            what,
            f"CRD {name} is {crd.get('apiVersion')}, not apiextensions.k8s.io/v1",
            "Nothing since Kubernetes 1.22 takes it; convert it.",
        )
    spec = crd.get("spec")
    versions = spec.get("versions") if isinstance(spec, dict) else None
    valid = isinstance(versions, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("name"), str)
        and isinstance(_schema(each), dict)
        for each in versions
    )
    if not valid or sum(bool(each.get("storage")) for each in versions or ()) != 1:
        raise KopfkitError(
            what,
            f"CRD {name} does not have versions with a name and a schema, one of them stored",
            "The API server would refuse it, too; mend it.",
        )
    return crd


def read_bundle(path: Path) -> Bundle:
    """The bundle in a directory: its manifests/, or the manifests in it.

    Raises:
        KopfkitError: it cannot be read or is no bundle.
    """
    inner = path / "manifests"
    return bundle_of(read_documents(inner if inner.is_dir() else path), str(path))


def _schema(version: Object) -> Any:
    schema = version.get("schema")
    return schema.get("openAPIV3Schema") if isinstance(schema, dict) else None


def _name(obj: Object) -> str:
    metadata = obj.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""


def _install(csv: Object) -> Object:
    return dict(csv["spec"].get("install", {}).get("spec", {}))
