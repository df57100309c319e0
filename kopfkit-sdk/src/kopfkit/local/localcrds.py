"""Applies generated CRDs while their conversion points at a process on this machine."""

import json
from collections.abc import Sequence
from pathlib import Path

from kopfkit import yamls
from kopfkit.runtime.api import managedfields
from kopfkit.toolchain.kubectl import Kubectl, Object

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
# The field manager of `kubectl apply`, which `make install` is.
MANAGER = "kubectl"


def install(kubectl: Kubectl, files: Sequence[Path]) -> None:
    """Do what `make install` does, with the conversion that the CRDs in the cluster have.

    Raises:
        KopfkitError: the cluster refuses them.
    """
    for path in files:
        crd = yamls.read(path)
        live = kubectl.get(CRDS, crd["metadata"]["name"])
        if live is not None and "conversion" in crd["spec"]:
            crd["spec"]["conversion"] = live["spec"].get("conversion", {"strategy": "None"})
        kubectl.apply(crd, manager=MANAGER)


def read(kubectl: Kubectl, name: str) -> Object | None:
    """The CRD with its managedFields, or None if it does not exist."""
    words = ("--ignore-not-found", "--output=json", "--show-managed-fields")
    text = kubectl.run("get", CRDS, name, *words)
    found: Object | None = json.loads(text) if text.strip() else None
    return found


def own_conversion(kubectl: Kubectl, live: Object) -> Object:
    """Make the conversion of a CRD `kubectl apply`'s, whoever wrote it, so that the next apply
    removes what it does not name. OLM, as whoever created the CRD, owns `clientConfig.service`;
    with a `url` beside it the API server refuses both.

    Returns:
        the CRD afterwards.

    Raises:
        KopfkitError: the cluster refuses it.
    """
    patch = managedfields.take_over(live, MANAGER, [("spec", "conversion")])
    if patch is None:
        return live
    name = live["metadata"]["name"]
    words = (
        "--type=json",
        f"--patch={json.dumps(patch)}",
        "--output=json",
        "--show-managed-fields",
    )
    changed: Object = json.loads(kubectl.run("patch", CRDS, name, *words))
    return changed
