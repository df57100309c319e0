"""Admission guard: a CRD that is overwritten by its bundle's keeps the conversion that works.

OLM v0 replaces a CRD with the one of the bundle at each upgrade, several times, and puts the
caBundle back seconds later. Until then no object can be converted. The guard, a mutating webhook on
updates of the CRD, carries the old `spec.conversion` over exactly then: the new one is to be
a webhook, without a caBundle, and the old one had one. Whoever means to change the conversion says
a caBundle (OLM, a certificate rotator) or takes the webhook away (OLM at the uninstall), and is not
fought.

Total: whatever is sent, the answer is a review that allows. To refuse an update of a CRD is
nobody's wish here, and the API server takes a guard that fails for one that is not there
(failurePolicy Ignore).
"""

import base64
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from kopfkit.conversion.review import uid_hint

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"


@dataclass(frozen=True)
class Verdict:
    """The answer to one review.

    Attributes:
        body: the review as JSON; it allows.
        kept: name of the CRD whose conversion was carried over, "" if none was.
        problem: why the request could not be read, "" if it could.
    """

    body: bytes
    kept: str = ""
    problem: str = ""


def kept(old: Any, new: Any) -> dict[str, Any] | None:
    """The `spec.conversion` that `new` has to keep from `old` (two CRDs), or None to let it be."""
    before, after = _conversion(old), _conversion(new)
    if after.get("strategy") != "Webhook" or _bundle(after):
        return None
    if before.get("strategy") != "Webhook" or not _bundle(before):
        return None
    return before


def answer(body: bytes) -> Verdict:
    """The answer to an AdmissionReview; never raises."""
    try:
        review = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return allowed(uid_hint(body), f"the request is not JSON: {error}")
    request = review.get("request") if isinstance(review, dict) else None
    uid = request.get("uid") if isinstance(request, dict) else None
    if not isinstance(request, dict) or not isinstance(uid, str):
        return allowed(uid_hint(body), f"the request is no {KIND} with a uid")
    new = request.get("object")
    conversion = kept(request.get("oldObject"), new)
    if conversion is None:
        return allowed(uid)
    patch = [{"op": "add", "path": "/spec/conversion", "value": conversion}]
    try:
        encoded = base64.b64encode(msgspec.json.encode(patch)).decode()
    except (RecursionError, UnicodeEncodeError, ValueError, OverflowError) as error:
        return allowed(uid, f"the old conversion cannot be written as JSON: {error}")
    name = request.get("name")
    verdict = _review(uid, {"patchType": "JSONPatch", "patch": encoded})
    return Verdict(verdict, kept=name if isinstance(name, str) and name else "a CRD without a name")


def allowed(uid: str, problem: str = "") -> Verdict:
    """The answer that changes nothing."""
    return Verdict(_review(uid, {}), problem=problem)


def _review(uid: str, more: dict[str, Any]) -> bytes:
    response = {"uid": uid, "allowed": True, **more}
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": KIND, "response": response})


def _conversion(crd: Any) -> dict[str, Any]:
    return _mapping(_mapping(_mapping(crd).get("spec")).get("conversion"))


def _bundle(conversion: dict[str, Any]) -> bool:
    """Whether it says whom to trust."""
    client = _mapping(_mapping(conversion.get("webhook")).get("clientConfig"))
    return bool(client.get("caBundle"))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
