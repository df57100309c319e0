"""Points the conversion of CRDs at a process on this machine, and keeps it so.

The change is made by server-side apply of the whole live CRD under kubectl's own field manager, to
which the conversion is handed over first. A plain patch would own `clientConfig.url`, and the next
`kubectl apply` of the CRD, which names a Service, would leave the API server with both and be
refused; so kubectl's next apply takes it back.
"""

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.host.process import CommandFailed
from kopfkit.local import localcrds
from kopfkit.local.localcrds import CRDS
from kopfkit.toolchain.kubectl import Kubectl, Object

# Seconds for the API server to take up a changed CRD and to reach the webhook.
REACH_TIMEOUT = 20.0
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class LocalConversion:
    """The conversion of some CRDs through one URL.

    Args:
        kubectl: of the cluster.
        crds: names of the CRDs.
        url: HTTPS URL of the webhook.
        ca: PEM of the CA that signed its certificate.
    """

    def __init__(self, kubectl: Kubectl, crds: Sequence[str], url: str, ca: bytes) -> None:
        self.url = url
        self._kubectl = kubectl
        self._crds = tuple(crds)
        self._wanted: Object = {
            "strategy": "Webhook",
            "webhook": {
                "clientConfig": {"url": url, "caBundle": base64.b64encode(ca).decode()},
                "conversionReviewVersions": ["v1"],
            },
        }
        self._before: dict[str, Any] = {}
        self._told = ""

    def put(self) -> list[str]:
        """Point the CRDs at the URL where they are not; returns the names of those changed.

        A CRD that does not exist is passed over. Raises KopfkitError if the cluster refuses.
        """
        changed = []
        for name in self._crds:
            crd = localcrds.read(self._kubectl, name)
            if crd is not None and crd["spec"].get("conversion") != self._wanted:
                self._before.setdefault(name, crd["spec"].get("conversion"))
                self._apply(crd, self._wanted)
                changed.append(name)
        return changed

    def in_place(self) -> bool:
        """Whether every CRD points at the URL."""
        found = [self._kubectl.get(CRDS, name) for name in self._crds]
        return all(
            crd is not None and crd["spec"].get("conversion") == self._wanted for crd in found
        )

    def put_off(self) -> None:
        """Give back the conversion that was there before `put`."""
        for name, before in self._before.items():
            crd = localcrds.read(self._kubectl, name)
            if crd is not None and crd["spec"].get("conversion") == self._wanted:
                self._apply(crd, before or {"strategy": "None"})

    def keep(self, say: Callable[[str], None], allowed: Callable[[], None]) -> None:
        """Look once, and point what was reset at the URL again.

        Args:
            say: told what was put back, and, once, why nothing can be seen.
            allowed: called before anything is put back; its KopfkitError is passed on.
        """
        try:
            reset = not self.in_place()
        except KopfkitError as error:
            self._tell(say, f"cannot read the CRD's conversion, retrying: {error.why}")
            return
        if not reset:
            self._told = ""
            return
        allowed()
        try:
            changed = self.put()
        except KopfkitError as error:
            self._tell(say, f"cannot restore the CRD's conversion, retrying: {error.why}")
            return
        for name in changed:
            say(f"the conversion of {name} was changed: set it to {self.url} again")
        if not changed:
            self._tell(say, f"{' and '.join(self._crds)} is missing; make install creates it")

    def require_reached(
        self, samples: Sequence[Mapping[str, Any]], timeout: float = REACH_TIMEOUT
    ) -> None:
        """Have the API server convert each of `samples` by a dry run, until it can.

        Args:
            samples: objects in versions that are not stored.
            timeout: seconds to try, for all of them together.

        Raises:
            KopfkitError: it does not reach the webhook.
        """
        deadline = time.monotonic() + timeout
        for sample in samples:
            while problem := self._probe(sample):
                if time.monotonic() > deadline:
                    raise KopfkitError(
                        f"webhook {self.url}",
                        f"the API server cannot use it:\n  | {problem}",
                        "Specify the address at which the API server reaches this machine with "
                        "--webhook-host, and open the port in its firewall.",
                    )
                time.sleep(0.2)

    def _probe(self, sample: Mapping[str, Any]) -> str:
        """What the API server says about converting; "" if it can. Other refusals are no matter."""
        probe = {**sample, "metadata": {"generateName": "kopfkit-probe-"}}
        words = ("create", "--dry-run=server", "--output=name", "--filename=-")
        try:
            # "default" is there in every cluster; for a cluster-scoped object it is not looked at.
            self._kubectl.run(*words, "--namespace=default", input=json.dumps(probe))
        except CommandFailed as error:
            if "conversion webhook" in error.output:
                return error.output.strip().splitlines()[-1]
        return ""

    def _apply(self, crd: Object, conversion: Mapping[str, Any]) -> None:
        crd = localcrds.own_conversion(self._kubectl, crd)
        meta = crd["metadata"]
        annotations = {k: v for k, v in meta.get("annotations", {}).items() if k != _LAST_APPLIED}
        document = {
            "apiVersion": crd["apiVersion"],
            "kind": crd["kind"],
            "metadata": {
                "name": meta["name"],
                # So that nothing that was changed or deleted since the look is brought back.
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
                "labels": meta.get("labels", {}),
                "annotations": annotations,
            },
            "spec": {**crd["spec"], "conversion": dict(conversion)},
        }
        self._kubectl.apply(document, manager=localcrds.MANAGER)

    def _tell(self, say: Callable[[str], None], text: str) -> None:
        if text != self._told:
            say(text)
        self._told = text
