"""Where OLM, and then the API server, may refuse the new CRD: nothing has changed yet."""

from collections.abc import Iterator
from typing import Any

from kopfkit.simulation.bundles import Bundle
from kopfkit.simulation.losses import of_status
from kopfkit.simulation.preflight import (
    By,
    Violation,
    is_webhook,
    lost_versions,
    preflight,
    served,
    served_by_both,
    stored,
)
from kopfkit.simulation.reports import Finding, Verdict
from kopfkit.simulation.situation import Situation
from kopfkit.simulation.steps import CHECK, WRITE
from kopfkit.simulation.webhooks import as_installed, protects

Object = dict[str, Any]
# Violations that a reason names; the rest is counted.
_NAMED = 3


def stored_versions(old: Bundle, name: str, situation: Situation) -> tuple[str, ...]:
    """`status.storedVersions` of a CRD before the upgrade."""
    if name in situation.stored_versions:
        return situation.stored_versions[name]
    live = situation.crds.get(name, old.crds[name])
    found = (live.get("status") or {}).get("storedVersions") or [stored(live)]
    return tuple(found)


def checks(old: Bundle, new: Bundle, name: str, situation: Situation) -> Iterator[Finding]:
    """The verdicts about a CRD of both bundles; a failing one of subject "CRD" stops OLM."""
    before, after = situation.crds.get(name, old.crds[name]), new.crds[name]
    asked = [
        *_definition(before, after, stored_versions(old, name, situation)),
        *_objects(name, before, after, situation),
    ]
    yield from asked
    if not any(each.subject == "CRD" and each.verdict is Verdict.FAILS for each in asked):
        yield from _fixed(before, after)
        yield from taken_away(old, name, after, situation)


def _definition(before: Object, after: Object, kept: tuple[str, ...]) -> Iterator[Finding]:
    name = str(after["metadata"]["name"])
    gone = lost_versions(kept, after)
    if gone:
        yield _crd(
            name,
            f"status.storedVersions names {', '.join(gone)}, which the new CRD does not have: OLM "
            "refuses it, as objects may be stored so.",
            "Keep the version, not served, until the objects are rewritten "
            "(kopfkit migrate storage).",
        )
    else:
        text = f"every stored version ({', '.join(kept)}) is in the new CRD."
        yield Finding(CHECK, name, "CRD", Verdict.OK, text)


def _fixed(before: Object, after: Object) -> Iterator[Finding]:
    for key in ("group", "scope"):
        if before["spec"].get(key) != after["spec"].get(key):
            text = f"the API server lets nobody change spec.{key}."
            yield _crd(str(after["metadata"]["name"]), text, "Create another CRD.", step=WRITE)


def taken_away(old: Bundle, name: str, after: Object, situation: Situation) -> Iterator[Finding]:
    """What an admission policy says against a CRD that takes the conversion away."""
    live = situation.crds.get(name) or as_installed(old, old.crds[name])
    protected = situation.protected
    if protected is None:
        protected = protects(old, name)
    if not protected or not is_webhook(live) or is_webhook(after):
        return
    only = served(after) == [stored(after)]
    if only and set(stored_versions(old, name, situation)) == {stored(after)}:
        return
    yield _crd(
        name,
        "the API server refuses the new CRD: a policy of the old release keeps the conversion, "
        "without which objects would lose fields.",
        "Declare the webhook in the bundle's CRD, or serve the stored version only.",
        step=WRITE,
    )


def _objects(name: str, before: Object, after: Object, situation: Situation) -> Iterator[Finding]:
    both = served_by_both(before, after)
    if situation.objects is None:
        text = f"none were given to check by the new schemas of {', '.join(both) or 'no version'}."
        yield Finding(CHECK, name, "stored objects", Verdict.OK, text)
        return
    objects = situation.objects.get(name, {})
    violations = preflight(before, after, objects)
    by = {one: [each for each in violations if each.by is one] for one in By}
    if by[By.OLM] and not is_webhook(after):
        text = f"OLM refuses the new CRD because of {named(by[By.OLM])}"
        yield _crd(name, text, "Loosen the schema, or fix these objects first.")
    elif by[By.OLM]:
        yield _stored(
            name,
            Verdict.FAILS,
            "OLM only warns, as the new CRD declares a webhook, but the API server refuses a write "
            f"that touches what is wrong with {named(by[By.OLM])}",
            "Loosen the schema, or fix these objects.",
        )
    if by[By.API_SERVER]:
        text = f"OLM does not ask, but the API server does at a write: {named(by[By.API_SERVER])}"
        yield _stored(name, Verdict.FAILS, text, "Loosen the rule, or fix these objects.")
    if by[By.UNKNOWN]:
        text = f"some may be refused: {named(by[By.UNKNOWN])}"
        yield _stored(name, Verdict.UNKNOWN, text, "Ask an API server: kopfkit simulate preflight")
    if by[By.NOBODY]:
        yield from _losing(name, by[By.NOBODY])
    if not violations:
        numbers = [f"{len(objects.get(version, ()))} in {version}" for version in both]
        text = f"all fit the new schemas ({', '.join(numbers) or 'none'})."
        yield Finding(CHECK, name, "stored objects", Verdict.OK, text)


def _losing(name: str, found: list[Violation]) -> Iterator[Finding]:
    hint = "Keep the field (described as deprecated), or bring the values elsewhere first."
    status = [each for each in found if of_status(each.path)]
    if len(status) < len(found):
        text = f"values vanish: {named([each for each in found if each not in status])}"
        yield _stored(name, Verdict.CORRUPTS, text, hint)
    if status:
        text = f"values of the status vanish until the operator writes them: {named(status)}"
        yield _stored(name, Verdict.FAILS, text, hint)


def _stored(name: str, verdict: Verdict, reason: str, hint: str) -> Finding:
    return Finding(CHECK, name, "stored objects", verdict, reason, hint)


def named(violations: list[Violation]) -> str:
    """The first of them, and how many more there are; ends with a stop."""
    rest = len(violations) - _NAMED
    more = f" (and {rest} more)" if rest > 0 else ""
    return "; ".join(str(each).rstrip(".") for each in violations[:_NAMED]) + f"{more}."


def _crd(name: str, reason: str, hint: str, step: str = CHECK) -> Finding:
    return Finding(step, name, "CRD", Verdict.FAILS, reason, hint)
