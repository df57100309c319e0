"""How it is when the upgrade is through: for clients, stored objects and the next release."""

from collections.abc import Iterator
from typing import Any

from kopfkit.crd.structural import schema_in
from kopfkit.simulation.bundles import Bundle
from kopfkit.simulation.checks import stored_versions
from kopfkit.simulation.clients import Conversion, State
from kopfkit.simulation.clients import findings as judged
from kopfkit.simulation.differences import stricter
from kopfkit.simulation.losses import lost, of_status
from kopfkit.simulation.preflight import is_webhook, served, stored, versions
from kopfkit.simulation.reports import Finding, Verdict
from kopfkit.simulation.situation import Situation
from kopfkit.simulation.steps import REST
from kopfkit.simulation.webhooks import refusals

Object = dict[str, Any]
# Differences that a reason names.
_NAMED = 4


def afterwards(old: Bundle, new: Bundle, name: str, situation: Situation) -> Iterator[Finding]:
    """The verdicts about a CRD of both bundles after the upgrade."""
    before, after = situation.crds.get(name, old.crds[name]), new.crds[name]
    held = frozenset(stored_versions(old, name, situation))
    conversion, why, hint = Conversion.NONE, "", "Configure a conversion webhook."
    refused = refusals(new, name)
    if refused:
        # The new CSV fails, and nobody writes the conversion that its CRD took away.
        if is_webhook(after):
            conversion, why = Conversion.UNTRUSTED, f"OLM does not install it, as {refused[0]}"
        hint = "Fix the CSV; `kopfkit bundle validate` reports such errors."
    elif new.conversion(name) is not None:
        conversion = Conversion.WEBHOOK
    elif is_webhook(after):
        conversion = Conversion.UNTRUSTED
        why = "the CRD declares a webhook, but the ClusterServiceVersion has none for it"
        hint = "Add a ConversionWebhook to spec.webhookdefinitions."
    state = State(
        after,
        held,
        conversion,
        tuple(served(before)),
        knows=frozenset(versions(after)),
        why=why,
        hint=hint,
    ).written()
    yield _crd(after, held)
    for finding in judged(REST, state):
        yield _deprecated(after, finding)
    yield from _schemas(before, after)


def _crd(after: Object, held: frozenset[str]) -> Finding:
    name, storage = str(after["metadata"]["name"]), stored(after)
    others = sorted(held - {storage})
    text = f"storage version stays {storage}."
    if others:
        text = (
            f"stores {storage} from now on; objects in {', '.join(others)} stay so until they are "
            "rewritten (kopfkit migrate storage), and that version cannot be taken out before."
        )
    return Finding(REST, name, "CRD", Verdict.OK, text)


def _deprecated(crd: Object, finding: Finding) -> Finding:
    version = finding.subject.rpartition(" ")[2]
    known = versions(crd).get(version, {})
    if finding.verdict is not Verdict.OK or not known.get("deprecated"):
        return finding
    text = known.get("deprecationWarning") or f"{version} is deprecated"
    reason = f"{finding.reason} Warned: {text}."
    return Finding(finding.step, finding.crd, finding.subject, finding.verdict, reason)


def _schemas(before: Object, after: Object) -> Iterator[Finding]:
    name = str(after["metadata"]["name"])
    for version in versions(before):
        if version not in versions(after):
            continue
        one, other = schema_in(before, version), schema_in(after, version)
        gone = lost(one, other)
        status = [path for path in gone if of_status(path)]
        kept = "Keep the field (described as deprecated), or bring the values elsewhere first."
        if len(status) < len(gone):
            yield Finding(
                REST,
                name,
                "stored objects",
                Verdict.CORRUPTS,
                f"{version} has lost {_some([path for path in gone if path not in status])}: the "
                "value vanishes from every answer, and from the object at its next write.",
                kept,
            )
        if status:
            yield Finding(
                REST,
                name,
                "stored objects",
                Verdict.FAILS,
                f"{version} has lost {_some(status)}: gone from every answer, unless the operator "
                "writes it elsewhere.",
                kept,
            )
        narrower = stricter(one, other)
        if narrower and version in served(after):
            yield Finding(
                REST,
                name,
                f"clients of {version}",
                Verdict.FAILS,
                f"{version} became stricter, so that what was taken before may be refused: "
                f"{_some(narrower, '; ')}.",
                "Make a new version for it, or take what was taken before.",
            )


def _some(texts: list[str], by: str = ", ") -> str:
    rest = len(texts) - _NAMED
    return by.join(texts[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
