"""What clients of each version, and stored objects, meet while a CRD is in a certain state.

apiextensions-apiserver: an object in etcd is converted when it is read through another version than
it is stored in, and when it is written through another version than the CRD stores now. With
strategy None only `apiVersion` changes, and then fields that the other version's schema does not
have are pruned, with HTTP 200.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from kopfkit.crd.structural import schema_in
from kopfkit.simulation.losses import lost
from kopfkit.simulation.preflight import served, stored, versions
from kopfkit.simulation.reports import Finding, Verdict, worst

Object = dict[str, Any]
# Fields that a sentence names; the rest is counted.
_NAMED = 4


class Conversion(Enum):
    """Who converts."""

    NONE = "nobody: the strategy is None"
    WEBHOOK = "a webhook"
    UNTRUSTED = "a webhook that the API server cannot call"


@dataclass(frozen=True)
class State:
    """A CRD at one moment.

    Attributes:
        crd: its versions and schemas.
        stored_in: versions that objects in etcd may have.
        conversion: who converts.
        knows: versions that every pod of the webhook that may be asked can convert.
        why: why the webhook cannot be called, as a clause.
        hint: against that.
        before: versions that clients had before the upgrade.
    """

    crd: Object
    stored_in: frozenset[str]
    conversion: Conversion
    before: tuple[str, ...]
    knows: frozenset[str] = frozenset()
    why: str = ""
    hint: str = ""

    def written(self) -> "State":
        """The same when clients have written through it."""
        return replace(self, stored_in=self.stored_in | {stored(self.crd)})


def findings(step: str, state: State) -> list[Finding]:
    """The verdicts for clients of each version, before and after, and for what is stored."""
    name = str(state.crd["metadata"]["name"])
    everyone = [*state.before, *(one for one in served(state.crd) if one not in state.before)]
    found = []
    for version in everyone:
        verdict, reason = _client(state, version)
        hint = state.hint if verdict is not Verdict.OK else ""
        if version not in served(state.crd):
            hint = "Keep serving it, marked as deprecated, until nobody uses it."
        found.append(Finding(step, name, f"clients of {version}", verdict, reason, hint))
    found.insert(0, _objects(step, name, state))
    return found


def needed(state: State) -> bool:
    """Whether any call needs a conversion at all."""
    return any(list(_pairs(state, version)) for version in served(state.crd))


def _client(state: State, version: str) -> tuple[Verdict, str]:
    if version not in served(state.crd):
        return Verdict.FAILS, f"{version} is no longer served: every request gets 404."
    calls = [(_pair(state, *pair), pair) for pair in _pairs(state, version)]
    verdict = worst([each[0] for each, _ in calls])
    reasons = [reason for (judged, reason), _ in calls if judged is verdict]
    if verdict is Verdict.FAILS and version not in state.before:
        # Nobody used it yet, so nobody loses anything.
        return Verdict.OK, f"new here; until it can be used, {_lower(reasons[0])}"
    return verdict, reasons[0] if reasons else "nothing has to be converted."


def _objects(step: str, name: str, state: State) -> Finding:
    for version in served(state.crd):
        for pair in _pairs(state, version):
            verdict, reason = _pair(state, *pair)
            if verdict is Verdict.CORRUPTS:
                text = f"a write by a client of {version} loses data permanently: {_lower(reason)}"
                return Finding(step, name, "stored objects", verdict, text, state.hint)
    return Finding(step, name, "stored objects", Verdict.OK, "nothing changes them.")


def _pairs(state: State, version: str) -> Iterator[tuple[str, str]]:
    """The conversions that calls through a version need, as (from, to)."""
    for source in sorted(state.stored_in):
        if source != version:
            yield source, version
    if version != stored(state.crd):
        yield version, stored(state.crd)


def _pair(state: State, source: str, target: str) -> tuple[Verdict, str]:
    if state.conversion is Conversion.UNTRUSTED:
        return Verdict.FAILS, f"{source} cannot become {target}: {state.why}."
    if state.conversion is Conversion.WEBHOOK:
        unknown = [each for each in (source, target) if each not in state.knows]
        if unknown:
            return Verdict.FAILS, (
                f"{source} cannot become {target}: pods that may be asked do not know {unknown[0]}."
            )
        return Verdict.OK, f"the webhook makes {source} {target}."
    known = versions(state.crd)
    if source not in known or target not in known:
        return Verdict.FAILS, f"{source} cannot become {target}: the CRD does not have both."
    gone = lost(schema_in(state.crd, source), schema_in(state.crd, target))
    if not gone:
        return Verdict.OK, f"{source} and {target} have the same fields, so none is lost."
    return Verdict.CORRUPTS, (
        f"nothing converts (strategy None), so {source} becomes {target} without {_names(gone)}, "
        "and the answer is 200."
    )


def _names(paths: list[str]) -> str:
    rest = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
