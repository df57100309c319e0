"""Objects of the scenario tests: HelloWorlds and HelloWorldSnapshots with what belongs to them."""

import json
from typing import Any

from kopfkit.controller.kinds import Kind

TIME = "2026-01-01T00:00:00Z"
IMAGE = "operator:1"
SHA256 = "5" * 64
SAID = {"sha256": SHA256, "bytes": 16384, "entries": 7, "taken": TIME}


def child(kind: Kind, name: str, owner: Any, **more: Any) -> dict[str, Any]:
    """An object that another one controls, as the API server has it."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    metadata = {"name": name, "namespace": "default", "uid": f"uid-of-{name}", "generation": 1}
    metadata |= {"ownerReferences": [reference], **more.pop("metadata", {})}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **more}


def hello(**spec: Any) -> dict[str, Any]:
    """The HelloWorld x."""
    metadata = {"name": "x", "namespace": "default", "uid": "hw", "generation": 1}
    metadata["creationTimestamp"] = TIME
    return {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorld",
        "metadata": metadata,
        "spec": spec,
    }


def snapshot(name: str = "copy", **more: Any) -> dict[str, Any]:
    """A HelloWorldSnapshot of x."""
    metadata = {"name": name, "namespace": "default", "uid": f"uid-of-{name}", "generation": 1}
    return {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorldSnapshot",
        "metadata": {**metadata, **more.pop("metadata", {})},
        "spec": {"helloWorldName": "x", **more.pop("spec", {})},
        **more,
    }


def condition(kind: str, state: str, reason: str = "Reason", message: str = "") -> dict[str, Any]:
    """A condition as it is stored."""
    found = {"type": kind, "status": state, "reason": reason, "message": message}
    return {**found, "lastTransitionTime": TIME, "observedGeneration": 1}


def ended(how: str) -> dict[str, Any]:
    """The status of a Job that is "Complete" or "Failed"."""
    found = {"type": how, "status": "True", "reason": "R", "message": "why"}
    return {"succeeded": int(how == "Complete"), "failed": 1, "conditions": [found]}


def words(job: Any, said: Any = SAID, code: int = 0) -> dict[str, Any]:
    """The pod of a Job that ended with these words."""
    from kopfkit.controller.kinds import PODS

    terminated = {"exitCode": code, "message": json.dumps(said), "finishedAt": TIME}
    labels = {"batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}
    status = {"containerStatuses": [{"state": {"terminated": terminated}}]}
    return child(PODS, "pod", job, metadata={"labels": labels}, status=status)
