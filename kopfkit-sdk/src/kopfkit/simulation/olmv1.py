"""OLM v1's upgrade from one bundle to another, step by step, with a verdict for each.

operator-controller 1.11 renders the new bundle and asks its CRD upgrade safety check, which
compares the CRDs and looks at no object. Then Helm brings the objects that are there to what is
rendered, CRDs before Deployments, and deletes what the new bundle does not have (helm.sh/helm
pkg/kube/client.go, pkg/releaseutil/kind_sorter.go). A patch of Helm's is one of three ways: it
takes nothing away that neither release has written. So the caBundle, which cert-manager or the
service CA wrote, stays, and unlike under OLM v0 no CRD is without its conversion for a while.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kopfkit.simulation import webhooks
from kopfkit.simulation.bundles import Bundle
from kopfkit.simulation.checks import stored_versions, taken_away
from kopfkit.simulation.clients import Conversion, State, findings
from kopfkit.simulation.outcome import afterwards
from kopfkit.simulation.preflight import preflight, served, versions
from kopfkit.simulation.reports import Finding, Report, Verdict
from kopfkit.simulation.situation import Situation
from kopfkit.simulation.steps import ROLL

Object = dict[str, Any]
CHECK = "OLM v1 checks"
WRITE = "CRD updated"
DELETE = "removed"
_NAMED = 3
_UNSAFE = (
    "Undo that, or have every ClusterExtension of it set "
    "spec.install.preflight.crdUpgradeSafety.enforcement: None."
)
# Helm's annotation for what it must not delete.
_POLICY = "helm.sh/resource-policy"
_KEEP = f"Keep the CRD in the bundle, or give it the annotation {_POLICY}: keep a release earlier."


@dataclass(frozen=True)
class Answer:
    """What OLM v1's own code says of the upgrade.

    Attributes:
        refused: why a bundle is not rendered, "" if both are.
        unsafe: reasons of the CRD upgrade safety check, by CRD of the new bundle.
        old, new: CRDs as they are rendered, by name.
    """

    refused: str
    unsafe: Mapping[str, tuple[str, ...]]
    old: Mapping[str, Object]
    new: Mapping[str, Object]


def simulate(old: Bundle, new: Bundle, situation: Situation, answer: Answer) -> Report:
    """What the upgrade does to every CRD of both bundles, its objects and its clients."""
    found = list(_begins(old, new, situation, answer))
    stopped = bool(answer.refused)
    both = sorted(old.crds.keys() & new.crds.keys())
    if not answer.refused:
        for name in both:
            judged = list(_checks(old, new, name, situation, answer))
            found += judged
            stopped = stopped or any(
                each.subject == "CRD" and each.verdict is not Verdict.OK for each in judged
            )
    if not stopped:
        for name in both:
            found += _passage(old, new, name, situation, answer)
            found += afterwards(old, new, name, situation)
        for name in sorted(old.crds.keys() ^ new.crds.keys()):
            found.append(_alone(old, new, name, situation))
    order = {name: at for at, name in enumerate(sorted({each.crd for each in found}))}
    found.sort(key=lambda each: order[each.crd])
    return Report(old.name, new.name, tuple(found), stopped)


def _begins(old: Bundle, new: Bundle, situation: Situation, answer: Answer) -> Iterator[Finding]:
    """Whether OLM v1 comes to the new bundle, and renders it."""
    if situation.not_offered:
        hint = "Simulate the steps between."
        yield Finding(CHECK, new.name, "upgrade", Verdict.FAILS, situation.not_offered, hint)
    elif situation.not_offered is None and new.follows(old) is False and old.name != new.name:
        text = f"neither replaces nor skips {old.name}: there is no upgrade edge between them."
        hint = "List it in spec.replaces or spec.skips, or simulate the steps between."
        yield Finding(CHECK, new.name, "upgrade", Verdict.FAILS, text, hint)
    if answer.refused:
        text = f"OLM v1 does not install it: {answer.refused}"
        hint = "kopfkit bundle validate --olm-v1 reports every such error."
        yield Finding(CHECK, new.name, "bundle", Verdict.FAILS, text, hint)


def _checks(
    old: Bundle, new: Bundle, name: str, situation: Situation, answer: Answer
) -> Iterator[Finding]:
    reasons = answer.unsafe.get(name, ())
    if reasons:
        text = f"the CRD upgrade safety check refuses it: {_some(reasons)}."
        yield Finding(CHECK, name, "CRD", Verdict.FAILS, text, _UNSAFE)
    else:
        text = "the CRD upgrade safety check lets it through."
        yield Finding(CHECK, name, "CRD", Verdict.OK, text)
    yield from _objects(name, situation.crds.get(name, old.crds[name]), new.crds[name], situation)
    if not reasons:
        yield from taken_away(old, name, answer.new[name], situation)


def _objects(name: str, before: Object, after: Object, situation: Situation) -> Iterator[Finding]:
    if situation.objects is None:
        text = "OLM v1 looks at none of them."
        yield Finding(CHECK, name, "stored objects", Verdict.OK, text)
        return
    wrong = preflight(before, after, situation.objects.get(name, {}))
    if not wrong:
        text = "all that were given fit the new schemas."
        yield Finding(CHECK, name, "stored objects", Verdict.OK, text)
        return
    told = [f"{each.version} {each.key} {each.path}: {each.reason}" for each in wrong]
    text = f"OLM v1 looks at none of them, and these do not fit the new schemas: {_some(told)}."
    hint = "kopfkit simulate preflight names them all; fix them first."
    yield Finding(CHECK, name, "stored objects", Verdict.FAILS, text, hint)


def _passage(
    old: Bundle, new: Bundle, name: str, situation: Situation, answer: Answer
) -> Iterator[Finding]:
    """From the update of the CRD to the new pods."""
    before, after = situation.crds.get(name) or answer.old[name], answer.new[name]
    asked, asks = old.conversion(name), new.conversion(name)
    old_knows = frozenset(versions(before)) if asked else frozenset()
    new_knows = frozenset(versions(after))
    conversion, why, hint = _conversion(old, new, name)

    def state(knows: frozenset[str], kind: Conversion, why: str) -> State:
        return State(
            after,
            frozenset(stored_versions(old, name, situation)),
            kind,
            tuple(served(before)),
            knows=knows,
            why=why,
            hint=hint,
        ).written()

    yield _written(name, after, conversion, why)
    yield from findings(WRITE, state(old_knows, conversion, why))
    if asks is None:
        return
    if conversion is Conversion.WEBHOOK and asked is not None:
        gaps = webhooks.gaps(asked, asks, new.deployment(str(asks.get("deploymentName"))))
        if gaps:
            why = "while pods are exchanged, " + ", and ".join(gaps)
            hint = "Keep the webhook's path and ports, and roll its Deployment without a gap."
            conversion = Conversion.UNTRUSTED
    yield from findings(ROLL, state(old_knows & new_knows, conversion, why))


def _conversion(old: Bundle, new: Bundle, name: str) -> tuple[Conversion, str, str]:
    """Who converts between the update of the CRD and the new pods: (who, why not, hint)."""
    asked, asks = old.conversion(name), new.conversion(name)
    if asks is None:
        hint = "Configure a conversion webhook."
        if asked is not None:
            hint = "Keep the conversion webhook in the ClusterServiceVersion."
        return Conversion.NONE, "", hint
    if asked is None:
        why = "no pod of the webhook is there yet, and nobody has written its caBundle"
        hint = "Serve the webhook a release before the CRD stores another version."
        return Conversion.UNTRUSTED, why, hint
    if asked.get("deploymentName") != asks.get("deploymentName"):
        why = f"the Service of {asks.get('deploymentName')} has no ready pod yet"
        hint = "Never rename the webhook's Deployment: Service and Secret have its name."
        return Conversion.UNTRUSTED, why, hint
    for key, what in (("webhookPath", "path"), ("containerPort", "port")):
        if asked.get(key) != asks.get(key):
            why = f"the CRD names another {what} than pods of the old release have"
            return Conversion.UNTRUSTED, why, f"Keep the webhook's {what}."
    return Conversion.WEBHOOK, "", ""


def _written(name: str, after: Object, conversion: Conversion, why: str) -> Finding:
    by = {
        Conversion.NONE: "nothing converts",
        Conversion.UNTRUSTED: f"a webhook converts, but {why}",
        Conversion.WEBHOOK: "its conversion and caBundle stay",
    }[conversion]
    if conversion is Conversion.NONE and len(served(after)) < 2:
        by = "there is nothing to convert"
    text = f"serves {', '.join(served(after))}; {by}. A LIST may be answered 429 and a watch ends."
    return Finding(WRITE, name, "CRD", Verdict.OK, text)


def _alone(old: Bundle, new: Bundle, name: str, situation: Situation) -> Finding:
    if name in new.crds:
        text = f"created, serves {', '.join(served(new.crds[name]))}."
        return Finding(WRITE, name, "CRD", Verdict.OK, text)
    notes = situation.crds.get(name, old.crds[name])["metadata"].get("annotations") or {}
    if notes.get(_POLICY) == "keep":
        text = f"not in the new bundle: it stays ({_POLICY}), and nothing reconciles its objects."
        return Finding(DELETE, name, "CRD", Verdict.FAILS, text, "Keep the CRD in the bundle.")
    text = (
        "not in the new bundle: OLM v1 deletes the CRD, and with it every object of it. (Under OLM "
        "v0 both stay.)"
    )
    return Finding(DELETE, name, "stored objects", Verdict.CORRUPTS, text, _KEEP)


def _some(texts: tuple[str, ...] | list[str]) -> str:
    rest = len(texts) - _NAMED
    return "; ".join(texts[:_NAMED]) + (f"; and {rest} more" if rest > 0 else "")
