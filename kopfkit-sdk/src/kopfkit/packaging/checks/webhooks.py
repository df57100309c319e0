"""Webhook definitions as OLM installs them, whatever they are for.

Rules: operator-lifecycle-manager 0.38, pkg/controller/install/webhook.go (ValidWebhookRules, the
labels of a configuration) and pkg/controller/operators/olm (names, Deployments); Kubernetes,
pkg/apis/admissionregistration/validation (names, side effects).
"""

import re
from collections.abc import Iterator

from kopfkit.packaging.checks.files import Bundle, Finding, Object

# k8s.io/apimachinery pkg/util/validation, IsValidLabelValue.
_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", re.ASCII)
# The same, IsFullyQualifiedName.
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\.){2,}[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_ADMISSION = ("ValidatingAdmissionWebhook", "MutatingAdmissionWebhook")
_CONFIGURATIONS = {"*", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}


def check(bundle: Bundle) -> Iterator[Finding]:
    """Names, Deployments, versions of reviews, and rules that OLM lets nobody have."""
    hooks: list[Object] = bundle.spec.get("webhookdefinitions", [])
    names = [hook.get("generateName", "") for hook in hooks]
    if len(set(names)) != len(names):
        place = "spec.webhookdefinitions"
        yield Finding(bundle.csv_file, place, "share a generateName", "webhook-name-twice")
    deployments = {one.get("name") for one in bundle.deployments}
    for place, hook in placed(hooks):
        for field, why, rule in _hook(hook, deployments):
            yield Finding(bundle.csv_file, f"{place}.{field}", why, rule)


def placed(hooks: list[Object]) -> Iterator[tuple[str, Object]]:
    """Each definition with its place in the CSV."""
    for index, hook in enumerate(hooks):
        yield f"spec.webhookdefinitions[{index}]", hook


def _hook(hook: Object, deployments: set[str | None]) -> Iterator[tuple[str, str, str]]:
    name, deployment = hook.get("generateName", ""), hook.get("deploymentName")
    if hook.get("type") in _ADMISSION and not _LABEL.fullmatch(name):
        why = f"{name!r} is not a valid label value (63 characters at most), which OLM makes of it"
        yield "generateName", why, "webhook-name-label"
    elif hook.get("type") in _ADMISSION and not _DOMAIN.fullmatch(name):
        why = f"{name!r} is not a domain of three labels in lower case, as the API server wants it"
        yield "generateName", why, "webhook-name-domain"
    effects = hook.get("sideEffects")
    if hook.get("type") in _ADMISSION and effects not in ("None", "NoneOnDryRun"):
        why = f"is {effects or 'missing'}, and the API server takes None and NoneOnDryRun only"
        yield "sideEffects", why, "webhook-side-effects"
    if deployment not in deployments:
        why = f"{deployment!r} is none of the CSV's Deployments"
        yield "deploymentName", why, "webhook-deployment"
    versions = hook.get("admissionReviewVersions", [])
    if not {"v1", "v1beta1"} & set(versions):
        why = f"names {', '.join(versions) or 'nothing'}, and the API server knows v1 and v1beta1"
        yield "admissionReviewVersions", why, "review-versions"
    elif versions != ["v1"]:
        why = 'admissionReviewVersions is not ["v1"]: the versions are those of the review'
        yield "admissionReviewVersions", why, "review-versions-v1"
    for index, rule in enumerate(hook.get("rules", [])):
        groups, resources = rule.get("apiGroups", []), set(rule.get("resources", []))
        forbidden = [group for group in ("*", "operators.coreos.com") if group in groups]
        if "admissionregistration.k8s.io" in groups and _CONFIGURATIONS & resources:
            forbidden.append("admissionregistration.k8s.io")
        for group in forbidden:
            why = f"{group!r} is a group whose admission OLM gives to nobody"
            yield f"rules[{index}].apiGroups", why, "webhook-rules"
