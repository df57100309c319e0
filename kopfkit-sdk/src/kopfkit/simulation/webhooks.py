"""What two bundles say about their webhooks: who converts, who guards the CRD, and whether the
change from the one to the other leaves a moment without an answer.

operator-lifecycle-manager, pkg/controller/install: Service `<deployment>-service`, Secret
`<deployment>-service-cert`; conversion webhooks only for CSVs that support AllNamespaces alone and
own the CRD. Kubernetes, "Dynamic Admission Control" for selectors and rules.
"""

import base64
import copy
from typing import Any, Final

from kopfkit.simulation.bundles import MUTATING, Bundle

Object = dict[str, Any]


def _pem(text: bytes) -> str:
    body = base64.b64encode(text)
    pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"
    return base64.b64encode(pem).decode()


# Stand for the certificate authority that OLM makes first, and for the one it makes next.
FIRST: Final = _pem(b"first")
NEXT: Final = _pem(b"next")


def as_installed(bundle: Bundle, crd: Object, authority: str = FIRST) -> Object:
    """A CRD of the bundle as it is in a cluster once OLM has written the conversion into it."""
    found = copy.deepcopy(crd)
    webhook = bundle.conversion(crd["metadata"]["name"])
    if webhook is not None and not refusals(bundle, crd["metadata"]["name"]):
        found["spec"]["conversion"] = {
            "strategy": "Webhook",
            "webhook": {
                "clientConfig": {
                    "service": {
                        "name": f"{webhook.get('deploymentName', '')}-service",
                        "path": webhook.get("webhookPath") or "/",
                        "port": webhook.get("containerPort") or 443,
                    },
                    "caBundle": authority,
                },
                "conversionReviewVersions": webhook.get("admissionReviewVersions") or [],
            },
        }
    return found


def refusals(bundle: Bundle, crd: str) -> list[str]:
    """Why OLM does not install the bundle's conversion webhook for a CRD, each as a clause."""
    webhook, spec = bundle.conversion(crd), bundle.csv["spec"]
    if webhook is None:
        return []
    found = []
    modes = {each.get("type"): each.get("supported") for each in spec.get("installModes") or []}
    if any(bool(supported) is (name != "AllNamespaces") for name, supported in modes.items()):
        found.append("the CSV supports other install modes than AllNamespaces")
    owned = (spec.get("customresourcedefinitions") or {}).get("owned") or []
    if crd not in [each.get("name") for each in owned]:
        found.append("the CSV does not own the CRD")
    if not bundle.deployment(str(webhook.get("deploymentName"))):
        found.append(f"there is no Deployment {webhook.get('deploymentName')}")
    versions = webhook.get("admissionReviewVersions", [])
    if not {"v1", "v1beta1"} & set(versions):
        found.append(f"it reviews in {', '.join(versions) or 'no version'}, not in v1 or v1beta1")
    if bundle.crds.get(crd, {}).get("spec", {}).get("preserveUnknownFields"):
        found.append("the CRD has preserveUnknownFields")
    return found


def guard_of(bundle: Bundle, *crds: Object) -> Object | None:
    """The bundle's admission webhook that is asked when one of these CRDs is updated."""
    for webhook in bundle.webhooks:
        if webhook.get("type") == MUTATING and any(map(_about_crds, webhook.get("rules") or [])):
            selector = webhook.get("objectSelector") or {}
            if any(_selects(selector, each["metadata"].get("labels") or {}) for each in crds):
                return webhook
    return None


def _about_crds(rule: Object) -> bool:
    def has(key: str, *names: str) -> bool:
        return bool({"*", *names} & set(rule.get(key) or ()))

    return (
        has("apiGroups", "apiextensions.k8s.io")
        and has("apiVersions", "v1")
        and has("resources", "customresourcedefinitions", "*/*")
        and has("operations", "UPDATE")
        and rule.get("scope", "*") in ("*", "Cluster")
    )


def _selects(selector: Object, labels: Object) -> bool:
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for each in selector.get("matchExpressions") or []:
        value, values = labels.get(each.get("key")), each.get("values") or []
        holds = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds.get(each.get("operator"), False):
            return False
    return True


def keeps_secret(bundle: Bundle, deployment: str, guard: Object | None = None) -> bool:
    """Whether the webhook may write this one Secret, its certificate's, by which it makes it its
    own; or its guard may, which then does it for the webhook.

    A right to that Secret by name is evidence of it, as nobody else has a use for it; a right to
    write Secrets is none.
    """
    secret = f"{deployment}-service-cert"
    keepers = {deployment, str((guard or {}).get("deploymentName", deployment))}
    return any(
        "secrets" in rule.get("resources", [])
        and {"patch", "update", "*"} & set(rule.get("verbs", []))
        and secret in rule.get("resourceNames", [])
        for keeper in sorted(keepers)
        for rule in bundle.rules_of(keeper)
    )


def protects(bundle: Bundle, crd: str) -> bool:
    """Whether the operator keeps a policy that refuses to take a CRD's conversion away.

    The right to write it is the sign (`kopfkit.runtime.olm.protection`).
    """
    return any(
        "validatingadmissionpolicies" in (rule.get("resources") or ())
        and f"conversion.{crd}" in (rule.get("resourceNames") or ())
        for deployment in bundle.deployments
        for rule in bundle.rules_of(deployment)
    )


def gaps(old: Object, new: Object, deployment: Object) -> list[str]:
    """Why conversions may fail while the new release's pods take over, each as a clause.

    Args:
        old, new: the conversion webhook of each release.
        deployment: the new release's, which serves it.
    """
    found = []
    for key, name in (("webhookPath", "path"), ("containerPort", "port"), ("targetPort", "port")):
        if old.get(key) != new.get(key):
            found.append(f"its {name} changes from {old.get(key)} to {new.get(key)}")
    spec = deployment.get("spec") or {}
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        found.append("its Deployment is recreated, not rolled")
    replicas = spec.get("replicas", 1)
    away = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", "25%")
    if _count(away, replicas) >= max(replicas, 1):
        found.append(f"its Deployment may lose all of {replicas} pods at a time")
    pod = (spec.get("template") or {}).get("spec") or {}
    containers = pod.get("containers") or []
    if not any("readinessProbe" in each for each in containers):
        found.append("its pods have no readiness probe, so that they are asked before they answer")
    if not any("preStop" in (each.get("lifecycle") or {}) for each in containers):
        found.append("its pods have no preStop hook, so that they end while they are still asked")
    return found


def _count(value: Any, replicas: int) -> int:
    number = str(value).removesuffix("%")
    if not number.isascii() or not number.isdigit():
        return 0  # the API server refuses the Deployment
    return int(number) * replicas // 100 if number != str(value) else int(number)
