"""What the guard adds to a bundle: a Deployment, its rights, a webhook, and marks of the CRDs.

The Deployment is the guard's own, so that nothing of the operator's pods changes; in it runs
`kopfkit.admission.guard`. It may reach its own Secret and Deployment and those of each Deployment
that converts, by name, and nothing that has no namespace.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from kopfkit.admission.guard import HEALTH_PORT, MODULE, PATH, PORT
from kopfkit.admission.hooks import webhook_name
from kopfkit.environment import POD_NAMESPACE, WEBHOOK_DEPLOYMENT
from kopfkit.packaging.checks import Bundle
from kopfkit.packaging.guards.edits import Edit
from kopfkit.packaging.webhooks import GUARD, guard_definition
from kopfkit.packaging.workloads import PROGRESS_DEADLINE_SECONDS, UID

Object = dict[str, Any]
_SUFFIX: Final = "-guard"
# A Service's name has 63 characters at most, and OLM adds "-service".
_LONGEST: Final = 63 - len("-service")
_INSTALL: Final = ("spec", "install", "spec")
# Fields of a pod that decide on which nodes it runs, and with what its image is pulled.
_PLACEMENT: Final = ("imagePullSecrets", "nodeSelector", "priorityClassName", "tolerations")


def converting(bundle: Bundle, crd: str = "") -> list[Object]:
    """The CSV's conversion webhooks; those for one CRD if it is named."""
    hooks: list[Object] = bundle.spec.get("webhookdefinitions", [])
    return [
        one
        for one in hooks
        if one.get("type") == "ConversionWebhook"
        and (not crd or crd in one.get("conversionCRDs", []))
    ]


def converted(bundle: Bundle) -> list[str]:
    """Names of the CRDs that they convert."""
    return sorted({crd for one in converting(bundle) for crd in one.get("conversionCRDs", [])})


def deployments(bundle: Bundle) -> list[str]:
    """Names of the Deployments that convert."""
    return sorted({str(one.get("deploymentName")) for one in converting(bundle)})


def pod(bundle: Bundle, deployment: str) -> Object:
    """The pods of a Deployment; {} if there is none of the name."""
    named = (one for one in bundle.deployments if one.get("name") == deployment)
    found: Object = next(named, {}).get("spec", {}).get("template", {}).get("spec", {})
    return found


def guard_name(deployment: str) -> str:
    """Of the guard's Deployment and of its service account."""
    name = deployment.replace(".", "-") + _SUFFIX
    if len(name) <= _LONGEST:
        return name
    mark = f"-{hashlib.sha256(deployment.encode()).hexdigest()[:5]}{_SUFFIX}"
    return name[: _LONGEST - len(mark)].rstrip("-") + mark


def hook_name(bundle: Bundle) -> str:
    """generateName of the guard's webhook."""
    return webhook_name("guard", converted(bundle)[0])


def csv_edits(bundle: Bundle, image: str) -> list[Edit]:
    """The entries of the ClusterServiceVersion."""
    name, crds = guard_name(deployments(bundle)[0]), converted(bundle)
    granted = {"serviceAccountName": name, "rules": _rules([name, *deployments(bundle)], name)}
    deployment = {
        "name": name,
        "label": _labels(name),
        "spec": _deployment(name, image, bundle),
    }
    definition = guard_definition(
        hook_name(bundle),
        PATH,
        _mark(crds, name),
        {
            "admissionReviewVersions": ["v1"],
            "containerPort": 443,
            "targetPort": PORT,
            "deploymentName": name,
            "sideEffects": "None",
        },
    )
    edits = [
        Edit((*_INSTALL, "deployments"), None, deployment),
        Edit((*_INSTALL, "permissions"), None, granted),
        # OLM installs webhooks in their order: the guard's after all of the operator's.
        Edit(("spec", "webhookdefinitions"), None, definition),
    ]
    if bundle.spec.get("relatedImages"):
        # Mirrors of disconnected clusters go by this list, where there is one.
        edits.append(Edit(("spec", "relatedImages"), None, {"name": name, "image": image}))
    return edits


def crd_edits(bundle: Bundle, name: str) -> Iterator[Edit]:
    """The entries of a CRD: the label by which the guard is asked about it, and a conversion that
    trusts nobody, if it does not declare one. OLM writes its own over it."""
    crds = converted(bundle)
    for key, value in _mark(crds, guard_name(deployments(bundle)[0])).items():
        yield Edit(("metadata", "labels"), key, value)
    conversion = bundle.crds[name][1]["spec"].get("conversion", {})
    client = conversion.get("webhook", {}).get("clientConfig", {})
    if conversion.get("strategy") == "Webhook" and "caBundle" not in client:
        return
    (hook,) = converting(bundle, name)
    service = {
        # OLM knows the namespace; the CRD has to name one.
        "namespace": "placeholder",
        "name": f"{hook['deploymentName']}-service",
        "path": hook.get("webhookPath") or "/",
        "port": hook.get("containerPort") or 443,
    }
    declared = {
        "strategy": "Webhook",
        "webhook": {
            "clientConfig": {"service": service},
            "conversionReviewVersions": hook.get("admissionReviewVersions") or ["v1"],
        },
    }
    yield Edit(("spec",), "conversion", declared)


def _mark(crds: list[str], name: str) -> dict[str, str]:
    return {f"{crds[0].partition('.')[2]}/{GUARD}": name}


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": GUARD}


def _rules(names: Iterable[str], own: str) -> list[Object]:
    """What `kopfkit.runtime.olm.ownership` needs for all, and `renewal` for the guard's own."""
    secrets = [f"{each}-service-cert" for each in names]
    return [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": secrets,
            # delete: who may not delete an object may not set its owners in OpenShift.
            "verbs": ["delete", "get", "patch"],
        },
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": [f"{own}-service-cert"],
            "verbs": ["watch"],
        },
        {
            "apiGroups": ["apps"],
            "resources": ["deployments"],
            "resourceNames": list(names),
            "verbs": ["get"],
        },
    ]


def _deployment(name: str, image: str, bundle: Bundle) -> Object:
    labels = _labels(name)
    spread = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
    converts = deployments(bundle)
    # Of several, the one that the guard is named after. Elsewhere, nodes may be tainted or of
    # another architecture, and the registry may want a login.
    guarded = pod(bundle, converts[0])
    nodes = (guarded.get("affinity") or {}).get("nodeAffinity")
    return {
        # One may be on a node that is just drained: clusters and operators are upgraded together.
        "replicas": 2,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "serviceAccountName": name,
                "automountServiceAccountToken": True,
                "terminationGracePeriodSeconds": 40,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": UID,
                    "runAsGroup": UID,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                **{key: guarded[key] for key in _PLACEMENT if guarded.get(key)},
                "affinity": {
                    **({"nodeAffinity": nodes} if nodes else {}),
                    "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {"weight": 100, "podAffinityTerm": spread}
                        ]
                    },
                },
                "containers": [_container(name, image, converts)],
            },
        },
    }


def _container(name: str, image: str, converts: list[str]) -> Object:
    def probe(path: str, **timing: int) -> Object:
        return {"httpGet": {"path": path, "port": "health"}, **timing}

    return {
        "name": "guard",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # Whatever the image runs by itself.
        "command": ["python3", "-m", MODULE],
        "args": [f"--deployment={each}" for each in converts],
        "env": [
            {"name": POD_NAMESPACE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": WEBHOOK_DEPLOYMENT, "value": name},
        ],
        "ports": [
            {"name": "webhook", "containerPort": PORT, "protocol": "TCP"},
            {"name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP"},
        ],
        "startupProbe": probe("/healthz", periodSeconds=1, failureThreshold=60),
        "livenessProbe": probe("/healthz", periodSeconds=10, timeoutSeconds=5, failureThreshold=3),
        "readinessProbe": probe("/readyz", periodSeconds=2, timeoutSeconds=2, failureThreshold=2),
        "resources": {
            "requests": {"cpu": "10m", "memory": "48Mi"},
            "limits": {"memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
