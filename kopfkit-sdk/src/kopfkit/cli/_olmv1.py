"""What OLM v1's own code says about a bundle, as findings with file and field.

OLM v1's code names neither, so the place is told from who says it; and the objects that it renders
go to the API server under the place in the bundle that each is made of.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kopfkit.cli._bundlereport import Fault
from kopfkit.olm.olmv1 import Judgement, Refusal
from kopfkit.packaging.checks import ERROR, Bundle
from kopfkit.packaging.trials import Trial

Object = dict[str, Any]
BY = "OLM v1"
# Behind the file of what OLM v1 renders, to tell it from what OLM v0 writes of the same place.
_MARK = " as OLM v1 renders it"
_DEPLOYMENTS = "spec.install.spec.deployments"
_WEBHOOKS = "spec.webhookdefinitions"
# Field of the ClusterServiceVersion, by who refuses it.
_FIELDS = {
    "validators.CheckDeploymentSpecUniqueness": _DEPLOYMENTS,
    "validators.CheckDeploymentNameIsDNS1123SubDomain": _DEPLOYMENTS,
    "validators.CheckOwnedCRDExistence": "spec.customresourcedefinitions.owned",
    "validators.CheckConversionWebhookSupport": "spec.installModes",
    "validators.CheckWebhookDeploymentReferentialIntegrity": _WEBHOOKS,
    "validators.CheckWebhookNameUniqueness": _WEBHOOKS,
    "validators.CheckWebhookNameIsDNS1123SubDomain": _WEBHOOKS,
    "validators.CheckConversionWebhookCRDReferenceUniqueness": _WEBHOOKS,
    "validators.CheckConversionWebhooksReferenceOwnedCRDs": _WEBHOOKS,
    "validators.CheckWebhookRules": _WEBHOOKS,
}
# Fields that the applier's sentences are about, by words in them.
_APPLIER = {
    "apiServiceDefintions": "spec.apiservicedefinitions.owned",  # its spelling
    "install mode": "spec.installModes",
    "preserveUnknownFields": "spec.preserveUnknownFields",
}
# The file that the reader of a bundle names.
_FILE = re.compile(r'in "(manifests/[^"]+)"')
_CONFIGURATIONS = {
    "MutatingWebhookConfiguration": "MutatingAdmissionWebhook",
    "ValidatingWebhookConfiguration": "ValidatingAdmissionWebhook",
}


def refusals(bundle: Bundle | None, directory: Path, judgement: Judgement) -> Iterator[Fault]:
    """Why OLM v1 does not install a bundle.

    Args:
        bundle: as kopfkit's checks read it; None where they cannot.
        directory: the bundle's.
    """
    for each in judgement.refusals:
        named = _FILE.search(each.why) if each.by == "source.FromFS" else None
        if named is not None:
            file, field = f"{directory.name}/{named[1]}", ""
        else:
            file, field = _place(bundle, each) if bundle else (f"{directory.name}/manifests", "")
        yield Fault(file, field, each.why, f"{BY}: {each.by}", ERROR)
    yield from _twice(bundle, judgement)


def _place(bundle: Bundle, refusal: Refusal) -> tuple[str, str]:
    """File and field that a refusal is about."""
    if refusal.by == "validators.CheckPackageNameNotEmpty":
        return bundle.annotations_file, "annotations"
    if refusal.by == "resolve.NoDependencyValidation":
        required = (bundle.spec.get("customresourcedefinitions") or {}).get("required")
        if "olm.gvk.required" in refusal.why and required:
            return bundle.csv_file, "spec.customresourcedefinitions.required"
        return f"{bundle.directory.name}/metadata", ""
    if refusal.by in ("validators.CheckObjectSupport", "validators.CheckCRDResourceUniqueness"):
        named = {one["metadata"]["name"]: file for file, one in bundle.others}
        named |= {name: file for name, (file, _) in bundle.crds.items()}
        found = [
            file for name, file in named.items() if f'"{name}"' in refusal.why.replace("'", '"')
        ]
        return found[0] if found else f"{bundle.directory.name}/manifests", ""
    for words, field in _APPLIER.items():
        if words in refusal.why and refusal.by not in _FIELDS:
            return bundle.csv_file, field
    if refusal.by in _FIELDS:
        return bundle.csv_file, _FIELDS[refusal.by]
    return f"{bundle.directory.name}", ""


def _twice(bundle: Bundle | None, judgement: Judgement) -> Iterator[Fault]:
    """Objects that are rendered in two forms: of these Helm creates one, and fails at the other."""
    told = set()
    for objects in judgement.rendered.values():
        # Two that are equal are one file of the chart.
        forms = {json.dumps(one, sort_keys=True): _named(one) for one in objects}
        for (kind, name), count in sorted(Counter(forms.values()).items()):
            if count < 2 or (kind, name) in told or bundle is None:
                continue
            told.add((kind, name))
            mine = [file for file, one in bundle.others if _named(one) == (kind, name)]
            why = f"{kind} {name} is rendered {count} times from webhooks and Deployments"
            if mine:
                why = f"OLM v1 makes {kind} {name} itself, of the ClusterServiceVersion"
            why += "; it creates no object that is there already"
            file, field = (mine[0], "metadata.name") if mine else (bundle.csv_file, _WEBHOOKS)
            yield Fault(file, field, why, "kopfkit", ERROR, "olm-v1-rendered-twice")


def trials(bundle: Bundle, judgement: Judgement) -> list[Trial]:
    """The rendered objects for the API server, each once where the providers agree on it.

    cert-manager's own are left out: OLM v1 makes them of names alone, and nothing here has their
    CustomResourceDefinitions.
    """
    places = _places(bundle)
    found: dict[str, Trial] = {}
    for objects in judgement.rendered.values():
        for one in objects:
            if not str(one.get("apiVersion")).startswith("cert-manager.io/"):
                file, field = places.get(_named(one), (bundle.csv_file, " ".join(_named(one))))
                found.setdefault(json.dumps(one, sort_keys=True), (file + _MARK, field, one))
    return list(found.values())


def _places(bundle: Bundle) -> Mapping[tuple[str, str], tuple[str, str]]:
    """(file, field) that an object is made of, by kind and name."""
    found = {_named(one): (file, "") for file, one in bundle.others}
    found |= {_named(one): (file, "") for file, one in bundle.crds.values()}
    for at, one in enumerate(bundle.deployments):
        found["Deployment", str(one.get("name"))] = bundle.csv_file, f"{_DEPLOYMENTS}[{at}]"
    kinds = {hook: kind for kind, hook in _CONFIGURATIONS.items()}
    for at, hook in enumerate(bundle.spec.get("webhookdefinitions") or []):
        if hook.get("type") in kinds:
            name = str(hook.get("generateName")).removesuffix("-")
            found[kinds[hook["type"]], name] = bundle.csv_file, f"{_WEBHOOKS}[{at}]"
    return found


def new_here(faults: list[Fault]) -> Iterator[Fault]:
    """The API server's findings, those about what OLM v1 renders only where it does not say the
    same about what OLM v0 writes."""
    known = {(one.file, one.why) for one in faults if not one.file.endswith(_MARK)}
    for one in faults:
        file = one.file.removesuffix(_MARK)
        if file == one.file:
            yield one
        elif (file, one.why) not in known:
            yield Fault(file, one.field, one.why, f"{one.by},{_MARK}", one.severity)


def _named(one: Object) -> tuple[str, str]:
    return str(one.get("kind")), str(one["metadata"].get("name"))
