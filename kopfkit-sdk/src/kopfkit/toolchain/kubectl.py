"""Kubernetes objects through kubectl, as plain dictionaries: what the commands that set clusters up
need. kubectl brings what a person's kubeconfig may ask for: credential plugins, proxies, client
certificates. Operators do not use this; they have `kopfkit.runtime`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain

Object = dict[str, Any]

# Field manager of what kopfkit applies.
MANAGER = "kopfkit"
# Seconds for one call; the API server answers in milliseconds or not at all.
TIMEOUT = 60.0


@dataclass(frozen=True)
class Kubectl:
    """kubectl bound to one cluster.

    Args:
        kubeconfig: path of the kubeconfig; its current context is used.
        program: path of the kubectl to run.
    """

    kubeconfig: Path
    program: Path

    @classmethod
    def at(cls, kubeconfig: Path, progress: Progress | None = None) -> "Kubectl":
        """The kubectl that fits, for the cluster of `kubeconfig`.

        Raises KopfkitError if there is no such file, or kubectl cannot be had.
        """
        if not kubeconfig.is_file():
            raise KopfkitError(
                f"kubeconfig {kubeconfig}", "does not exist", "Start a cluster: kopfkit cluster up."
            )
        return cls(kubeconfig, toolchain.tool("kubectl", progress))

    def run(self, *arguments: str, input: str | None = None, timeout: float = TIMEOUT) -> str:
        """Run `kubectl ARGUMENTS` and return what it prints.

        Raises CommandFailed with its output; KopfkitError if it takes longer than `timeout` s.
        """
        argv = [str(self.program), f"--kubeconfig={self.kubeconfig}", *arguments]
        return process.run(argv, input=input, timeout=timeout)

    def established(self, *crds: str) -> None:
        """Wait until the API server has taken CRDs up, which a busy machine delays by minutes.

        Args:
            crds: as `kubectl wait` takes them: resource/name, or `--filename` and a path.

        Raises CommandFailed after four minutes.
        """
        words = ("wait", "--for=condition=Established", "--timeout=240s")
        self.run(*words, *crds, timeout=300)

    def apply(self, *objects: Mapping[str, Any], manager: str = MANAGER) -> None:
        """Server-side apply `objects`, in this order, taking fields from other managers; as
        `manager`, which is "kubectl" where a person's `kubectl apply` is to take them over."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.run(
            "apply",
            "--server-side",
            "--force-conflicts",
            f"--field-manager={manager}",
            "--filename=-",
            input=json.dumps(listed),
        )

    def get(self, resource: str, name: str, namespace: str = "") -> Object | None:
        """The object, or None if it does not exist. `resource` is best fully qualified, as in
        "subscriptions.operators.coreos.com". CommandFailed if the cluster has no such resource."""
        return next(iter(self.existing(resource, name, namespace=namespace)), None)

    def existing(self, resource: str, *names: str, namespace: str = "") -> list[Object]:
        """Those of the named objects that exist; otherwise as `get`."""
        if not names:
            return []
        words = (resource, *names, *_in(namespace), "--ignore-not-found", "--output=json")
        text = self.run("get", *words)
        found: Object = json.loads(text) if text.strip() else {"kind": "List", "items": []}
        return found["items"] if found["kind"] == "List" else [found]

    def list(self, resource: str, namespace: str = "", selector: str = "") -> list[Object]:
        """The objects of a namespace ("*" for all namespaces), or those that are in none.
        `resource` may be several, with commas between."""
        where = ("--all-namespaces",) if namespace == "*" else _in(namespace)
        chosen = (f"--selector={selector}",) if selector else ()
        items: list[Object] = json.loads(
            self.run("get", resource, *where, *chosen, "--output=json")
        )["items"]
        return items

    def delete(self, resource: str, *names: str, namespace: str = "", timeout: float = 120) -> None:
        """Delete the objects and wait until they are gone; those that are already gone are fine.

        Raises KopfkitError if one is still there after `timeout` seconds, as when the process that
        would remove its finalizer does not run.
        """
        if not names:
            return
        self.run(
            "delete",
            resource,
            *names,
            *_in(namespace),
            "--ignore-not-found",
            f"--timeout={timeout:.0f}s",
            timeout=timeout + TIMEOUT,
        )

    def serves(self, crd: str) -> bool:
        """Whether the cluster has the CustomResourceDefinition `crd`.

        Raises KopfkitError if the cluster does not answer.
        """
        try:
            return self.get("customresourcedefinitions.apiextensions.k8s.io", crd) is not None
        except process.CommandFailed as error:
            raise KopfkitError(
                f"the cluster of {self.kubeconfig}",
                error.why,
                "Check it with kopfkit cluster status; kopfkit cluster up starts one.",
            ) from error


def _in(namespace: str) -> tuple[str, ...]:
    return (f"--namespace={namespace}",) if namespace else ()
