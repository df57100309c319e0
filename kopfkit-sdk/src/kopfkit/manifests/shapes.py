"""The types of everything in a bundle that kopfkit reads.

From the Go types by which OLM, opm and the API server decode it: operator-framework/api
pkg/operators/v1alpha1, k8s.io/apiextensions-apiserver pkg/apis/apiextensions/v1,
k8s.io/api/admissionregistration/v1. A document that does not fit is refused by all of them.
"""

from typing import Any

from kopfkit.manifests.fitting import Each, Either

METADATA = {
    "name": str,
    "namespace": str,
    "generateName": str,
    "labels": Each(str),
    "annotations": Each(str),
}
OBJECT = {"apiVersion": str, "kind": str, "metadata": METADATA}
# opm takes numbers and booleans there for the texts that they are.
ANNOTATIONS = {"annotations": Each(Either(str, bool, float))}

_SELECTOR = {
    "matchLabels": Each(str),
    "matchExpressions": [{"key": str, "operator": str, "values": [str]}],
}
_WEBHOOK = {
    "type": str,
    "generateName": str,
    "deploymentName": str,
    "containerPort": int,
    "targetPort": Either(int, str),
    "webhookPath": str,
    "failurePolicy": str,
    "conversionCRDs": [str],
    "admissionReviewVersions": [str],
    "objectSelector": _SELECTOR,
    "rules": [
        {
            "apiGroups": [str],
            "apiVersions": [str],
            "operations": [str],
            "resources": [str],
            "scope": str,
        }
    ],
}
_CONTAINER = {
    "image": str,
    "env": [{"name": str, "value": str}],
    "readinessProbe": {},
    "lifecycle": {"preStop": {}},
}
_DEPLOYMENT = {
    "replicas": int,
    "strategy": {"type": str, "rollingUpdate": {"maxUnavailable": Either(int, str)}},
    "template": {
        "spec": {
            "serviceAccountName": str,
            "containers": [_CONTAINER],
            "initContainers": [_CONTAINER],
            "imagePullSecrets": [{"name": str}],
            "nodeSelector": Each(str),
            "priorityClassName": str,
            "tolerations": [{}],
            "affinity": {"nodeAffinity": {}},
        }
    },
}
_PERMISSION = {
    "serviceAccountName": str,
    "rules": [
        {"apiGroups": [str], "resources": [str], "resourceNames": [str], "verbs": [str]},
    ],
}
_DESCRIPTORS = [{"path": str}]
_API = {
    "name": str,
    "group": str,
    "version": str,
    "kind": str,
    "resources": [{}],
    "specDescriptors": _DESCRIPTORS,
    "statusDescriptors": _DESCRIPTORS,
}
CSV = {
    **OBJECT,
    "spec": {
        "version": str,
        "replaces": str,
        "skips": [str],
        "installModes": [{"type": str, "supported": bool}],
        "relatedImages": [{"name": str, "image": str}],
        "customresourcedefinitions": {"owned": [_API], "required": [_API]},
        "apiservicedefinitions": {"owned": [_API], "required": [_API]},
        "webhookdefinitions": [_WEBHOOK],
        "install": {
            "strategy": str,
            "spec": {
                "deployments": [{"name": str, "label": Each(str), "spec": _DEPLOYMENT}],
                "permissions": [_PERMISSION],
                "clusterPermissions": [_PERMISSION],
            },
        },
    },
}


def _schema() -> Any:
    return SCHEMA


SCHEMA: dict[str, Any] = {
    "type": str,
    "format": str,
    "pattern": str,
    "nullable": bool,
    "properties": Each(_schema),
    "additionalProperties": Either(_schema, bool),
    "items": _schema,
    "not": _schema,
    "allOf": [_schema],
    "anyOf": [_schema],
    "oneOf": [_schema],
    "required": [str],
    "enum": list,
    "maximum": float,
    "minimum": float,
    "multipleOf": float,
    "exclusiveMaximum": bool,
    "exclusiveMinimum": bool,
    "uniqueItems": bool,
    **dict.fromkeys(
        ("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"), int
    ),
    "x-kubernetes-preserve-unknown-fields": bool,
    "x-kubernetes-embedded-resource": bool,
    "x-kubernetes-int-or-string": bool,
    "x-kubernetes-list-type": str,
    "x-kubernetes-map-type": str,
    "x-kubernetes-list-map-keys": [str],
    "x-kubernetes-validations": [{"rule": str, "message": str}],
}
_VALIDATION = {"openAPIV3Schema": SCHEMA}
CRD = {
    **OBJECT,
    "spec": {
        "group": str,
        "scope": str,
        "preserveUnknownFields": bool,
        "names": {"plural": str, "kind": str, "listKind": str},
        # Both are apiextensions.k8s.io/v1beta1's.
        "version": str,
        "validation": _VALIDATION,
        "versions": [
            {
                "name": str,
                "served": bool,
                "storage": bool,
                "deprecated": bool,
                "deprecationWarning": str,
                "schema": _VALIDATION,
                "subresources": {"status": {}},
            }
        ],
        "conversion": {
            "strategy": str,
            "webhook": {
                "clientConfig": {
                    "service": {"namespace": str, "name": str, "path": str, "port": int},
                    "caBundle": str,
                },
                "conversionReviewVersions": [str],
            },
        },
    },
    "status": {"storedVersions": [str]},
}
