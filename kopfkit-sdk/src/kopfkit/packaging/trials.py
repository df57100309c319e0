"""What an API server is asked about a bundle: the objects that OLM would write, with the place in
the bundle where each stands. Asking is `kopfkit.cluster.dryrun`'s business."""

from collections.abc import Iterator

from kopfkit.packaging.checks.files import Bundle, Object

# (file, field under which the object stands or "", the object).
Trial = tuple[str, str, Object]
# Objects that stand there are for people; OLM creates none of them.
EXAMPLES = "metadata.annotations.alm-examples"
_WEBHOOKS = {
    "MutatingAdmissionWebhook": "MutatingWebhookConfiguration",
    "ValidatingAdmissionWebhook": "ValidatingWebhookConfiguration",
}


def trials(bundle: Bundle) -> list[Trial]:
    """Every object of the bundle as the API server would get it, but for its namespace."""
    found: list[Trial] = [(file, "", crd) for file, crd in bundle.crds.values()]
    found.append((bundle.csv_file, "", bundle.csv))
    found += [(file, "", one) for file, one in bundle.others]
    found += [(bundle.csv_file, place, one) for place, one in _inside(bundle)]
    found += [(bundle.csv_file, f"{EXAMPLES}[{i}]", one) for i, one in enumerate(bundle.examples)]
    return found


def _inside(bundle: Bundle) -> Iterator[tuple[str, Object]]:
    install = "spec.install.spec"
    for index, deployment in enumerate(bundle.deployments):
        yield (
            f"{install}.deployments[{index}]",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": deployment.get("name"),
                    "labels": deployment.get("label", {}),
                },
                "spec": deployment.get("spec"),
            },
        )
    rights = bundle.spec.get("install", {}).get("spec", {})
    for field, kind in (("permissions", "Role"), ("clusterPermissions", "ClusterRole")):
        for index, one in enumerate(rights.get(field, [])):
            yield (
                f"{install}.{field}[{index}]",
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": kind,
                    "metadata": {"name": one.get("serviceAccountName")},
                    "rules": one.get("rules"),
                },
            )
    for index, hook in enumerate(bundle.spec.get("webhookdefinitions", [])):
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
