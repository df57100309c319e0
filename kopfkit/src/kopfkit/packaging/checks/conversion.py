"""Conversion webhooks under OLM, which no public validator knows.

Rules: operator-lifecycle-manager, pkg/controller/install; measured in this repository's decisions
about upgrades.
"""

from collections.abc import Iterator
from typing import Any

from kopfkit.packaging.checks.files import Bundle, Finding, Object


def check(bundle: Bundle) -> Iterator[Finding]:
    """The CSV's webhooks against the CRDs."""
    hooks = list(bundle.spec.get("webhookdefinitions") or [])
    names = [hook.get("generateName") for hook in hooks]
    if len(set(names)) != len(names):
        yield Finding(bundle.csv_file, "spec.webhookdefinitions", "share a generateName")
    deployments = {one.get("name") for one in bundle.deployments}
    for place, hook in _placed(hooks):
        if hook.get("deploymentName") not in deployments:
            yield Finding(
                bundle.csv_file,
                f"{place}.deploymentName",
                f"{hook.get('deploymentName')!r} is none of the CSV's Deployments",
            )
    yield from _converting(bundle, hooks)
    for name, (file, crd) in sorted(bundle.crds.items()):
        yield from _crd(file, crd, hooks, _converted(hooks, name))


def _converting(bundle: Bundle, hooks: list[Object]) -> Iterator[Finding]:
    owned = {one.get("name") for one in bundle.owned}
    modes = {one["type"] for one in bundle.spec.get("installModes") or [] if one.get("supported")}
    for place, hook in _placed(hooks):
        if hook.get("type") != "ConversionWebhook":
            continue
        if modes != {"AllNamespaces"}:
            yield Finding(
                bundle.csv_file,
                "spec.installModes",
                f"are {sorted(modes)}; a conversion webhook allows AllNamespaces only",
            )
        if hook.get("admissionReviewVersions") != ["v1"]:
            yield Finding(
                bundle.csv_file,
                f"{place}.admissionReviewVersions",
                'admissionReviewVersions is not ["v1"]: the versions are those of the review',
            )
        for name in sorted(set(hook.get("conversionCRDs") or []) - owned):
            yield Finding(bundle.csv_file, f"{place}.conversionCRDs", f"{name} is not owned")


def _crd(file: str, crd: Object, hooks: list[Object], converted: bool) -> Iterator[Finding]:
    spec = crd.get("spec") or {}
    conversion = spec.get("conversion") or {}
    several = len([one for one in spec.get("versions") or [] if one.get("served")]) > 1
    if several and not converted:
        yield Finding(file, "spec.versions", "has no conversion webhook in the CSV")
    if several and conversion.get("strategy", "None") != "Webhook":
        yield Finding(
            file,
            "spec.conversion.strategy",
            f"{conversion.get('strategy', 'None')} loses fields between its versions",
        )
    if "caBundle" in ((conversion.get("webhook") or {}).get("clientConfig") or {}):
        yield Finding(
            file,
            "spec.conversion.webhook.clientConfig.caBundle",
            "carries a caBundle, which is OLM's to write",
        )
    labels = (crd.get("metadata") or {}).get("labels") or {}
    for hook in hooks if several else []:
        wanted = ((hook.get("objectSelector") or {}).get("matchLabels") or {}).items()
        if _on_crds(hook) and not wanted <= labels.items():
            yield Finding(
                file,
                "metadata.labels",
                f"lacks the labels by which {hook.get('generateName')} is asked about it",
            )


def _placed(hooks: list[Object]) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, hook in enumerate(hooks):
        yield f"spec.webhookdefinitions[{index}]", hook


def _converted(hooks: list[Object], crd: str) -> bool:
    return any(
        hook.get("type") == "ConversionWebhook" and crd in (hook.get("conversionCRDs") or [])
        for hook in hooks
    )


def _on_crds(hook: Object) -> bool:
    return hook.get("type") == "MutatingAdmissionWebhook" and any(
        "customresourcedefinitions" in (rule.get("resources") or [])
        for rule in hook.get("rules") or []
    )
