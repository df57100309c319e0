"""What an API server is asked about a bundle: the objects that OLM would write, with the place in
the bundle where each stands. Asking is `kopfkit.cluster.dryrun`'s business."""

import json
from collections.abc import Iterator
from typing import Any

from kopfkit.packaging.checks.files import Bundle, Object

# (file, field under which the object stands or "", the object).
Trial = tuple[str, str, Object]
_WEBHOOKS = {
    "MutatingAdmissionWebhook": "MutatingWebhookConfiguration",
    "ValidatingAdmissionWebhook": "ValidatingWebhookConfiguration",
}


def trials(bundle: Bundle, namespace: str) -> list[Trial]:
    """Every object of the bundle as the API server would get it.

    Args:
        namespace: where namespaced objects go.
    """
    install = "spec.install.spec"
    found: list[Trial] = [(file, "", crd) for file, crd in bundle.crds.values()]
    csv = {**bundle.csv, "metadata": {**bundle.csv["metadata"], "namespace": namespace}}
    found.append((bundle.csv_file, "", csv))
    found += [(file, "", _placed(one, namespace)) for file, one in bundle.others]
    for place, one in _inside(bundle, install):
        found.append((bundle.csv_file, place, _placed(one, namespace)))
    found += [
        (bundle.csv_file, f"metadata.annotations.alm-examples[{index}]", _placed(one, namespace))
        for index, one in enumerate(_examples(bundle))
    ]
    return found


def _inside(bundle: Bundle, install: str) -> Iterator[tuple[str, Object]]:
    for index, deployment in enumerate(bundle.deployments):
        yield (
            f"{install}.deployments[{index}]",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": deployment.get("name"),
                    "labels": deployment.get("label") or {},
                },
                "spec": deployment.get("spec"),
            },
        )
    rights = (bundle.spec.get("install") or {}).get("spec") or {}
    for field, kind in (("permissions", "Role"), ("clusterPermissions", "ClusterRole")):
        for index, one in enumerate(rights.get(field) or []):
            yield (
                f"{install}.{field}[{index}]",
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": kind,
                    "metadata": {"name": one.get("serviceAccountName")},
                    "rules": one.get("rules"),
                },
            )
    for index, hook in enumerate(bundle.spec.get("webhookdefinitions") or []):
        if hook.get("type") in _WEBHOOKS:
            yield f"spec.webhookdefinitions[{index}]", _configuration(hook)


def _configuration(hook: Object) -> Object:
    """The webhook configuration that OLM makes of a definition (its pkg/controller/install)."""
    copied = (
        "rules", "failurePolicy", "matchPolicy", "objectSelector", "sideEffects",
        "timeoutSeconds", "admissionReviewVersions", "reinvocationPolicy",
    )  # fmt: skip
    service = {"name": "service", "namespace": "default", "path": hook.get("webhookPath")}
    webhook = {
        "name": hook.get("generateName"),
        "clientConfig": {"service": service},
        **{key: hook[key] for key in copied if key in hook},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": _WEBHOOKS[hook["type"]],
        "metadata": {"name": hook.get("generateName")},
        "webhooks": [webhook],
    }


def _examples(bundle: Bundle) -> list[Object]:
    try:
        found = json.loads((bundle.csv["metadata"].get("annotations") or {})["alm-examples"])
    except (KeyError, TypeError, ValueError):
        return []  # `checks` says so
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _placed(one: Object, namespace: str) -> Object:
    if one.get("kind") in ("ClusterRole", "ClusterRoleBinding", "PriorityClass"):
        return one
    if one.get("kind") in _WEBHOOKS.values():
        return one
    metadata: dict[str, Any] = {**(one.get("metadata") or {}), "namespace": namespace}
    return {**one, "metadata": metadata}
