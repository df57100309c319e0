"""Bundles of an operator in Go that somebody else packaged: the benchmark's conversion webhook on
controller-runtime, laid out as `operator-sdk generate bundle` does it.

The CRD is HelloWorld's, so that the clients of the upgrade tests can call it.
"""

import copy
from collections.abc import Sequence
from typing import Any

from helloworld_operator.api import HELLOWORLD
from kopfkit.crd import custom_resource_definition
from kopfkit.yamls import dump

Object = dict[str, Any]
PACKAGE = "hello-go"
WEBHOOK = "hello-go-webhook-server"
GUARD = f"{WEBHOOK}-guard"
IMAGE = "example.com/hello-go:v1"
CSV_FILE = "manifests/hello-go.clusterserviceversion.yaml"
CRD_FILE = "manifests/test.jiaozi.com_helloworlds.yaml"
# kubebuilder's names, which OLM replaces by its own.
DECLARED = {
    "strategy": "Webhook",
    "webhook": {
        "clientConfig": {
            "service": {"namespace": "system", "name": "webhook-service", "path": "/convert"}
        },
        "conversionReviewVersions": ["v1"],
    },
}


def bundle(
    version: str = "0.1.0", *, image: str = IMAGE, replaces: str = "", flags: Sequence[str] = ()
) -> dict[str, Object]:
    """The documents by path below the bundle's directory."""
    marks = {
        "operators.operatorframework.io.bundle.mediatype.v1": "registry+v1",
        "operators.operatorframework.io.bundle.manifests.v1": "manifests/",
        "operators.operatorframework.io.bundle.metadata.v1": "metadata/",
        "operators.operatorframework.io.bundle.package.v1": PACKAGE,
        "operators.operatorframework.io.bundle.channels.v1": "stable",
        "operators.operatorframework.io.bundle.channel.default.v1": "stable",
    }
    return {
        CSV_FILE: csv(version, image, replaces, flags),
        CRD_FILE: crd(version),
        "metadata/annotations.yaml": {"annotations": marks},
    }


def texts(documents: dict[str, Object]) -> dict[str, str]:
    """The files of a bundle."""
    return {path: dump(document) for path, document in documents.items()}


def crd(version: str) -> Object:
    """Each release describes its kind anew, so that the API server sees another CRD."""
    found: Object = custom_resource_definition(HELLOWORLD)
    for one in found["spec"]["versions"]:
        one["schema"]["openAPIV3Schema"]["description"] = f"A greeting, as of {version}."
    found["spec"]["conversion"] = copy.deepcopy(DECLARED)
    found["metadata"]["annotations"] = {"controller-gen.kubebuilder.io/version": "v0.19.0"}
    return found


def csv(version: str, image: str, replaces: str, flags: Sequence[str]) -> Object:
    """One Deployment, one conversion webhook."""
    labels = {"control-plane": "webhook-server"}
    container = {
        "name": "manager",
        "image": image,
        "args": ["--cert-dir=/tmp/k8s-webhook-server/serving-certs", "--port=9443", *flags],
        "ports": [{"name": "webhook-server", "containerPort": 9443, "protocol": "TCP"}],
        "readinessProbe": {"tcpSocket": {"port": 9443}, "periodSeconds": 2},
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "serviceAccountName": WEBHOOK,
        "terminationGracePeriodSeconds": 20,
        "containers": [container],
    }
    deployment = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    owned = [
        {
            "name": HELLOWORLD.crd_name,
            "kind": HELLOWORLD.kind,
            "version": one.name,
            "displayName": "Hello World",
            "description": "A greeting.",
        }
        for one in HELLOWORLD.versions
    ]
    spec: Object = {
        "apiservicedefinitions": {},
        "customresourcedefinitions": {"owned": owned},
        "description": "Greets.\n\nIts conversion webhook is written in Go.\n",
        "displayName": "Hello in Go",
        "install": {
            "spec": {
                "deployments": [{"name": WEBHOOK, "label": labels, "spec": deployment}],
                "permissions": [
                    {
                        "rules": [
                            {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}
                        ],
                        "serviceAccountName": WEBHOOK,
                    }
                ],
            },
            "strategy": "deployment",
        },
        "installModes": [
            {"supported": mode == "AllNamespaces", "type": mode}
            for mode in ("OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces")
        ],
        "keywords": ["greeting"],
        "maintainers": [{"email": "me@example.com", "name": "Me"}],
        "maturity": "alpha",
        "minKubeVersion": "1.30.0",
        "provider": {"name": "Example"},
        "version": version,
        "webhookdefinitions": [
            {
                "admissionReviewVersions": ["v1"],
                "containerPort": 443,
                "conversionCRDs": [HELLOWORLD.crd_name],
                "deploymentName": WEBHOOK,
                "generateName": "chelloworlds.kb.io",
                "sideEffects": "None",
                "targetPort": 9443,
                "type": "ConversionWebhook",
                "webhookPath": "/convert",
            }
        ],
    }
    if replaces:
        spec["replaces"] = f"{PACKAGE}.v{replaces}"
    annotations = {
        "alm-examples": "[]",
        "capabilities": "Basic Install",
        "createdAt": "2026-11-29T00:00:00Z",
        "description": "Greets.",
    }
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {
            "annotations": annotations,
            "name": f"{PACKAGE}.v{version}",
            "namespace": "placeholder",
        },
        "spec": spec,
    }
