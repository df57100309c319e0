"""The steps in which OLM takes the conversion away and gives it back.

The catalog operator overwrites the CRD with the bundle's (twice as a rule, as its InstallPlan's
status meets a conflict and every step is done again); the OLM operator rolls the webhook's
Deployment out, writes the conversion into the CRD, and removes the old release, and with it the
certificate's Secret if the old ClusterServiceVersion owns that.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kopfkit.conversion import guard
from kopfkit.simulation import webhooks
from kopfkit.simulation.bundles import Bundle
from kopfkit.simulation.checks import stored_versions
from kopfkit.simulation.clients import Conversion, State, findings, needed
from kopfkit.simulation.preflight import is_webhook, served, versions
from kopfkit.simulation.reports import Finding, Verdict
from kopfkit.simulation.situation import Situation
from kopfkit.simulation.steps import AGAIN, REPLACE, RESTORE, ROLL, WRITE

Object = dict[str, Any]
_GUARD = (
    "Give the old release a guard, a mutating webhook on updates of the CRD that carries its "
    "conversion over: kopfkit guard inject puts one into its bundle."
)
_DECLARE = "Declare the webhook in the bundle's CRD, with OLM's Service and without a caBundle."
_SECRET = (
    "Have the webhook make its Deployment the owner of the Secret (a release earlier), or its "
    "guard: kopfkit guard inject."
)


def passage(old: Bundle, new: Bundle, name: str, situation: Situation) -> Iterator[Finding]:
    """The verdicts from the first write of the CRD to the end of the old release."""
    return _Passage(old, new, name, situation).findings()


class _Passage:
    def __init__(self, old: Bundle, new: Bundle, name: str, situation: Situation) -> None:
        self.name, self.new = name, new
        self.before, self.after = old.crds[name], new.crds[name]
        self.live = situation.crds.get(name) or webhooks.as_installed(old, self.before)
        self.asked, self.asks = old.conversion(name), new.conversion(name)
        self.stored_in = frozenset(stored_versions(old, name, situation))
        self.guard = webhooks.guard_of(old, self.before, self.after)
        self.guard_answers = situation.guard
        self.next_guard = webhooks.guard_of(new, self.before, self.after)
        self.old_knows = frozenset(versions(self.before)) if self.asked else frozenset()
        self.new_knows = frozenset(versions(self.after))
        owner = situation.secret_owner
        self.owner_seen = bool(owner)
        if not owner and self.asked is not None:
            converts = self.asked.get("deploymentName", "")
            kept = webhooks.keeps_secret(old, converts, self.guard)
            owner = "deployment" if kept else "csv"
        self.secret_owner = owner

    def findings(self) -> Iterator[Finding]:
        overwritten = self._overwritten()
        yield self._crd(WRITE, overwritten)
        yield from findings(WRITE, overwritten)
        overwritten = overwritten.written()
        if self.asks is None:
            return
        for why in webhooks.refusals(self.new, self.name):
            text = f"OLM does not install the conversion webhook: {why}. The new release fails."
            hint = "Fix the CSV; `kopfkit bundle validate` reports such errors."
            yield Finding(RESTORE, self.name, "CRD", Verdict.FAILS, text, hint)
        if webhooks.refusals(self.new, self.name):
            yield from findings(RESTORE, overwritten)
            return
        rolled = self._rolled(overwritten)
        yield from findings(ROLL, rolled)
        restored = self._restored(overwritten)
        yield from findings(RESTORE, restored)
        again = self._overwritten(restored)
        yield from findings(AGAIN, again)
        yield from self._replaced(restored)

    def _state(self, conversion: Conversion, **more: Any) -> State:
        more.setdefault("stored_in", self.stored_in)
        return State(
            self.after, conversion=conversion, before=tuple(served(self.before)), **more
        ).written()

    def _kept(self) -> bool:
        """Whether the guard carries the conversion over, by the guard's own rule."""
        return (
            self.guard is not None
            and self.guard_answers
            and guard.kept(self.live, self.after) is not None
        )

    def _both_trusted(self) -> bool:
        """Whether the guard keeps an authority beside the next one, by the guard's own rule; one
        in a Deployment of its own does not (`kopfkit.admission.guard`)."""
        guards = (self.next_guard or {}).get("deploymentName")
        if self.asks is None or guards != self.asks.get("deploymentName"):
            return False
        now = webhooks.as_installed(self.new, self.after)
        then = webhooks.as_installed(self.new, self.after, webhooks.NEXT)
        return (
            self.next_guard is not None
            and self.guard_answers
            and guard.trusted(now, then) is not None
        )

    def _overwritten(self, restored: State | None = None) -> State:
        knows = restored.knows if restored else self.old_knows
        if self._kept():
            return self._state(Conversion.WEBHOOK, knows=knows)
        if not is_webhook(self.after):
            return self._state(Conversion.NONE, hint=_DECLARE if len(self.new_knows) > 1 else "")
        if self.asked is None:
            why, hint = "no pod of the webhook is there yet", _LATER
        elif self.guard is None:
            why, hint = "the CRD was overwritten by one without a caBundle", _GUARD
        else:
            why, hint = "the CRD lost its caBundle, as the guard does not answer", ""
        return self._state(Conversion.UNTRUSTED, why=why, hint=hint)

    def _rolled(self, overwritten: State) -> State:
        if overwritten.conversion is not Conversion.WEBHOOK:
            return overwritten
        assert self.asked is not None
        assert self.asks is not None
        gaps = []
        if self.asked.get("deploymentName") == self.asks.get("deploymentName"):
            deployment = self.new.deployment(self.asks.get("deploymentName", ""))
            gaps = webhooks.gaps(self.asked, self.asks, deployment)
        if gaps:
            why = "while pods are exchanged, " + ", and ".join(gaps)
            hint = "Keep the webhook's path and ports, and roll its Deployment without a gap."
            return self._state(Conversion.UNTRUSTED, why=why, hint=hint)
        return replace(overwritten, knows=self.old_knows & self.new_knows)

    def _restored(self, overwritten: State) -> State:
        assert self.asks is not None
        if self.asked is None:
            why = "the first pods of the webhook are not ready yet"
            return self._state(Conversion.UNTRUSTED, why=why, hint=_LATER)
        if self.asked.get("deploymentName") != self.asks.get("deploymentName"):
            why = f"the Service of {self.asks['deploymentName']} has no ready pod yet"
            hint = "Never rename the webhook's Deployment: Service and Secret have its name."
            return self._state(Conversion.UNTRUSTED, why=why, hint=hint)
        return replace(
            self._state(Conversion.WEBHOOK, knows=self.old_knows & self.new_knows),
            stored_in=overwritten.stored_in,
        )

    def _replaced(self, restored: State) -> Iterator[Finding]:
        if self.asked is None or not needed(restored):
            return
        secret = f"{self.asked['deploymentName']}-service-cert"
        if self.secret_owner == "deployment":
            text = f"the Secret {secret} belongs to the Deployment and stays."
            if not self.owner_seen:
                text += " (Evidence: the webhook may write this one Secret, by its name.)"
            yield Finding(REPLACE, self.name, "CRD", Verdict.OK, text)
            yield from findings(REPLACE, self._state(Conversion.WEBHOOK, knows=self.new_knows))
            return
        if self._both_trusted():
            text = (
                f"the Secret {secret} goes with the old ClusterServiceVersion; the guard keeps the "
            )
            text += "authority before trusted beside OLM's new one."
            yield Finding(REPLACE, self.name, "CRD", Verdict.OK, text)
            yield from findings(REPLACE, self._state(Conversion.WEBHOOK, knows=self.new_knows))
            return
        text = f"the Secret {secret} goes with the old ClusterServiceVersion: OLM makes a new CA."
        yield Finding(REPLACE, self.name, "CRD", Verdict.FAILS, text, _SECRET)
        why = "the CRD trusts a new CA, and pods still show the old certificate"
        yield from findings(REPLACE, self._state(Conversion.UNTRUSTED, why=why, hint=_SECRET))

    def _crd(self, step: str, state: State) -> Finding:
        listed = ", ".join(served(self.after))
        by = {
            Conversion.NONE: "nothing converts",
            Conversion.UNTRUSTED: f"a webhook converts, but {state.why}",
            Conversion.WEBHOOK: "the guard keeps the conversion",
        }[state.conversion]
        text = f"the bundle's, serves {listed}; {by}. A LIST may be answered 429 and a watch ends."
        if state.conversion is Conversion.NONE and len(served(self.after)) < 2:
            text = f"the bundle's, serves {listed}; there is nothing to convert."
        if self.guard is not None and self.guard.get("failurePolicy", "Fail") == "Fail":
            return Finding(
                step,
                self.name,
                "CRD",
                Verdict.FAILS,
                f"{text} If no pod answers, the guard refuses the write (failurePolicy Fail).",
                "Give the guard failurePolicy Ignore.",
            )
        return Finding(step, self.name, "CRD", Verdict.OK, text)


_LATER = (
    "Serve the webhook a release before the CRD stores another version "
    "(or go by way of that release)."
)
