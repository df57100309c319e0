"""The operator's package as a ClusterExtension of OLM v1, at whichever release a test has it."""

from dataclasses import dataclass
from typing import Any

from helloworld_operator.project import PROJECT
from kopfkit.olm import v1install
from kopfkit.testing.waiting import eventually

from .conftest import CRDS, Package

GROUP = "olm.operatorframework.io/v1"
# Seconds for one installation or upgrade.
PATIENCE = 300.0


@dataclass
class Extension(Package):
    """The ClusterExtension of the operator's package."""

    name: str = PROJECT.name

    def offer(self, catalog: str) -> None:
        """Have catalogd serve a catalog image."""
        source = {"type": "Image", "image": {"ref": catalog}}
        self._apply("ClusterCatalog", {"source": source})

        def serving() -> bool:
            found = self.kubectl.get(v1install.CATALOGS, self.name)
            assert found is not None
            served = found["status"]["resolvedSource"]["image"]["ref"]
            assert served.rpartition("@")[2] == catalog.rpartition("@")[2], found["status"]
            return True

        eventually(serving, timeout=120, interval=0.5)

    def install(self, version: str) -> str:
        """Install a version, or upgrade to it; the name of the bundle that is installed."""
        catalog = {"packageName": PROJECT.name, "channels": ["stable"], "version": version}
        source = {"sourceType": "Catalog", "catalog": catalog}
        self._apply("ClusterExtension", {"namespace": PROJECT.namespace, "source": source})
        bundle = f"{PROJECT.name}.v{version}"

        def installed() -> bool:
            status = (self.kubectl.get(v1install.EXTENSIONS, self.name) or {}).get("status", {})
            found = status.get("install", {}).get("bundle", {}).get("name")
            assert found == bundle, status.get("conditions")
            return True

        eventually(installed, timeout=PATIENCE, interval=0.5)
        self.kubectl.run("wait", "--for=condition=Available", f"--timeout={PATIENCE:.0f}s",
                         f"--namespace={PROJECT.namespace}", "deployments", "--all",
                         timeout=PATIENCE + 30)  # fmt: skip
        return bundle

    def delete(self) -> None:
        """Delete the ClusterExtension, and wait until its Deployments are gone."""
        self.kubectl.delete(v1install.EXTENSIONS, self.name)
        eventually(
            lambda: not self.kubectl.list("deployments.apps", PROJECT.namespace), timeout=120
        )

    def crd(self, name: str) -> dict[str, Any]:
        """A CRD."""
        found = self.kubectl.get(CRDS, name)
        assert found is not None
        return found

    def disown(self, crd: str) -> None:
        """Take the owner of before from a CRD."""
        gone = '[{"op": "remove", "path": "/metadata/ownerReferences"}]'
        self.kubectl.run("patch", CRDS, crd, "--type=json", f"--patch={gone}")

    def _apply(self, kind: str, spec: dict[str, Any]) -> None:
        metadata = {"name": self.name}
        self.kubectl.apply({"apiVersion": GROUP, "kind": kind, "metadata": metadata, "spec": spec})
