"""Conversion webhooks under OLM, which no public validator knows.

Rules: operator-lifecycle-manager, pkg/controller/install; measured in this repository's decisions
about upgrades.
"""

from collections.abc import Iterator

from kopfkit.packaging.checks.files import Bundle, Finding, Object
from kopfkit.packaging.checks.webhooks import placed

CONVERSION = "ConversionWebhook"


def check(bundle: Bundle) -> Iterator[Finding]:
    """The CSV's conversion webhooks against its install modes and the CRDs."""
    hooks: list[Object] = bundle.spec.get("webhookdefinitions", [])
    for place, hook in placed(hooks):
        if hook.get("type") == CONVERSION:
            yield from _converting(bundle, place, hook)
    for name, (file, crd) in sorted(bundle.crds.items()):
        yield from _crd(file, crd, hooks, _converted(hooks, name))


def _converting(bundle: Bundle, place: str, hook: Object) -> Iterator[Finding]:
    modes = {one.get("type"): one.get("supported") for one in bundle.spec.get("installModes", [])}
    if any(bool(supported) is (name != "AllNamespaces") for name, supported in modes.items()):
        named = sorted(str(name) for name, supported in modes.items() if supported)
        why = f"are {named}; a conversion webhook allows AllNamespaces only"
        yield Finding(bundle.csv_file, "spec.installModes", why, "conversion-modes")
    named_crds = hook.get("conversionCRDs", [])
    field = f"{place}.conversionCRDs"
    if not named_crds:
        yield Finding(bundle.csv_file, field, "names no CRD", "conversion-crds")
    for name in sorted(set(named_crds) - {one.get("name") for one in bundle.owned}):
        yield Finding(bundle.csv_file, field, f"{name} is not owned", "conversion-crds")
    for name in sorted(set(named_crds) & bundle.crds.keys()):
        file, crd = bundle.crds[name]
        if crd["spec"].get("preserveUnknownFields"):
            why = "is true, with which OLM does not install a conversion webhook"
            yield Finding(file, "spec.preserveUnknownFields", why, "conversion-preserves")


def _crd(file: str, crd: Object, hooks: list[Object], converted: bool) -> Iterator[Finding]:
    conversion = crd["spec"].get("conversion", {})
    several = len([one for one in crd["spec"]["versions"] if one.get("served")]) > 1
    if several and not converted:
        why = "has no conversion webhook in the CSV"
        yield Finding(file, "spec.versions", why, "conversion-absent")
    if several and conversion.get("strategy", "None") != "Webhook":
        yield Finding(
            file,
            "spec.conversion.strategy",
            f"{conversion.get('strategy', 'None')} loses fields between its versions",
            "conversion-absent",
        )
    if "caBundle" in conversion.get("webhook", {}).get("clientConfig", {}):
        yield Finding(
            file,
            "spec.conversion.webhook.clientConfig.caBundle",
            "carries a caBundle, which is OLM's to write",
            "conversion-ca",
        )
    labels = crd["metadata"].get("labels", {})
    for hook in hooks if several else []:
        wanted = hook.get("objectSelector", {}).get("matchLabels", {}).items()
        if _on_crds(hook) and not wanted <= labels.items():
            why = f"lacks the labels by which {hook.get('generateName')} is asked about it"
            yield Finding(file, "metadata.labels", why, "conversion-guard")


def _converted(hooks: list[Object], crd: str) -> bool:
    return any(
        hook.get("type") == CONVERSION and crd in hook.get("conversionCRDs", []) for hook in hooks
    )


def _on_crds(hook: Object) -> bool:
    return hook.get("type") == "MutatingAdmissionWebhook" and any(
        "customresourcedefinitions" in rule.get("resources", []) for rule in hook.get("rules", [])
    )
