"""The children and the status that both kopf peers write: those of the benchmark's objects in the
operator. Plain functions and dictionaries, so that the peers differ only in how they are driven.
"""

from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]

GROUP, VERSION, PLURAL = "test.jiaozi.com", "v1", "helloworlds"
MANAGER, APP = "helloworld-operator", "helloworld"
SELECTOR = {"app.kubernetes.io/managed-by": MANAGER, "app.kubernetes.io/name": APP}


def selector(name: str) -> dict[str, str]:
    """The labels that pick one object's pods."""
    return {"app.kubernetes.io/name": APP, "app.kubernetes.io/instance": name}


def labels(name: str) -> dict[str, str]:
    """The labels of every child."""
    return {
        **selector(name),
        "app.kubernetes.io/component": "greeting",
        "app.kubernetes.io/managed-by": MANAGER,
    }


def deployment(name: str, spec: Any, default_image: str) -> Object:
    """The Deployment, without its owner."""
    greeting, image = spec.get("greeting") or {}, spec.get("image")
    probe: Object = {"httpGet": {"path": "/healthz", "port": "http"}}
    if image:
        probe = {"tcpSocket": {"port": "http"}}
    container: Object = {
        "name": "greeting",
        "image": image or default_image,
        "env": [
            {"name": "GREETING_MESSAGE", "value": greeting.get("message", "").replace("$", "$$")},
            {"name": "GREETING_LANGUAGE", "value": greeting.get("language") or ""},
            {"name": "PORT", "value": "8080"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {**probe, "periodSeconds": 5, "failureThreshold": 3},
        "lifecycle": {"preStop": {"sleep": {"seconds": 4}}},
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    if not image:
        container["args"] = ["serve"]
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 14,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "replicas": spec.get("replicas", 1),
            "progressDeadlineSeconds": 180,
            "selector": {"matchLabels": selector(name)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": {"metadata": {"labels": labels(name)}, "spec": pod},
        },
    }


def service(name: str, spec: Any) -> Object:
    """The Service, without its owner."""
    wanted = spec.get("service") or {}
    port = {"name": "http", "port": wanted.get("port", 80), "targetPort": "http", "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "type": wanted.get("type", "ClusterIP"),
            "selector": selector(name),
            "ports": [port],
        },
    }


def status(metadata: Any, spec: Any, live: Any, before: Any) -> Object:
    """The status from the Deployment's (or {}); `before` is the stored one, for the times."""
    name, generation = metadata["name"], metadata.get("generation", 0)
    at, wanted = live.get("status") or {}, spec.get("replicas", 1)
    available, updated = at.get("availableReplicas", 0), at.get("updatedReplicas", 0)
    seen = bool(live) and at.get("observedGeneration", 0) >= live["metadata"]["generation"]
    pods = f"{wanted} pod" if wanted == 1 else f"{wanted} pods"
    if available:
        told = ("True", "MinimumReplicasAvailable", f"{available} of {pods} available")
    elif not wanted:
        told = ("False", "ScaledToZero", "no pods are wanted: spec.replicas is 0")
    else:
        told = ("False", "NoReplicasAvailable", f"0 of {pods} available")
    if not seen:
        text = "waiting for the Deployment controller to see the change"
        moving = ("True", "RollingOut", text)
    elif at.get("replicas", 0) == updated == available == wanted:
        moving = ("False", "RolloutComplete", f"{pods} up to date and available")
    else:
        text = f"{updated} of {pods} up to date, {available} available"
        moving = ("True", "RollingOut", text)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    old = {each["type"]: each for each in before.get("conditions") or []}
    conditions = []
    for kind, (state, reason, message) in {
        "Available": told,
        "Progressing": moving,
        "Degraded": ("False", "AsExpected", ""),
    }.items():
        same = old.get(kind, {}).get("status") == state
        conditions.append(
            {
                "type": kind,
                "status": state,
                "reason": reason,
                "message": message,
                "lastTransitionTime": old[kind]["lastTransitionTime"] if same else now,
                "observedGeneration": generation,
            }
        )
    port = (spec.get("service") or {}).get("port", 80)
    return {
        "observedGeneration": generation,
        "replicas": at.get("replicas", 0),
        "readyReplicas": at.get("readyReplicas", 0),
        "selector": ",".join(f"{key}={value}" for key, value in sorted(selector(name).items())),
        "url": f"http://{name}.{metadata['namespace']}.svc:{port}",
        "conditions": conditions,
    }
