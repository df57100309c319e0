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

    def install(self, version: str) -> None:
        """Install a version, or upgrade to it."""
        self.ask(version)
        self.installed(version)

    def ask(self, version: str) -> None:
        """Ask for a version, and wait for nothing."""
        catalog = {"packageName": PROJECT.name, "channels": ["stable"], "version": version}
        source = {"sourceType": "Catalog", "catalog": catalog}
        self._apply("ClusterExtension", {"namespace": PROJECT.namespace, "source": source})

    def installed(self, version: str) -> None:
        """Wait until a version is installed, and its pods are rolled out."""
        bundle = f"{PROJECT.name}.v{version}"

        def installed() -> bool:
            status = (self.kubectl.get(v1install.EXTENSIONS, self.name) or {}).get("status", {})
            found = status.get("install", {}).get("bundle", {}).get("name")
            assert found == bundle, status.get("conditions")
            return True

        eventually(installed, timeout=PATIENCE, interval=0.5)
        for found in self.kubectl.list("deployments.apps", PROJECT.namespace):
            self.kubectl.run("rollout", "status", f"deployment/{found['metadata']['name']}",
                             f"--namespace={PROJECT.namespace}", f"--timeout={PATIENCE:.0f}s",
                             timeout=PATIENCE + 30)  # fmt: skip

    def restart(self) -> None:
        """Delete OLM v1's pods: what they are doing, others have to begin anew."""
        self._delete_pods("--all", v1install.NAMESPACE)

    def outage(self) -> None:
        """Delete all pods of the webhook at once, as nobody should."""
        assert PROJECT.conversion is not None
        name = PROJECT.conversion.deployment
        found = self.kubectl.get("deployments.apps", name, PROJECT.namespace)
        assert found is not None
        labels = found["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        self._delete_pods(f"--selector={selector}", PROJECT.namespace)

    def certificate(self) -> str:
        """The webhook's certificate as its Secret has it, or nothing."""
        name, namespace = self._secret()
        found = self.kubectl.get("secrets", name, namespace)
        return str(found["data"].get("tls.crt", "")) if found else ""

    def delete_certificate(self) -> None:
        """Delete the Secret of the webhook's certificate."""
        name, namespace = self._secret()
        self.kubectl.delete("secrets", name, namespace=namespace)

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

    def _secret(self) -> tuple[str, str]:
        """Name and namespace of the Secret that the webhook's pods mount."""
        assert PROJECT.conversion is not None
        pods = self.kubectl.get(
            "deployments.apps", PROJECT.conversion.deployment, PROJECT.namespace
        )
        assert pods is not None
        volumes = pods["spec"]["template"]["spec"]["volumes"]
        names = {each["secret"]["secretName"] for each in volumes if "secret" in each}
        (secret,) = names
        return secret, PROJECT.namespace

    def _delete_pods(self, which: str, namespace: str) -> None:
        self.kubectl.run("delete", "pods", which, f"--namespace={namespace}", "--wait=false")

    def _apply(self, kind: str, spec: dict[str, Any]) -> None:
        metadata = {"name": self.name}
        self.kubectl.apply({"apiVersion": GROUP, "kind": kind, "metadata": metadata, "spec": spec})
