"""Admission guard: a CRD that is overwritten keeps a conversion that works.

A mutating webhook on updates of the CRD, for what OLM v0 does to it:

- At each upgrade the CRD is replaced with the bundle's, several times, and the caBundle is put back
  seconds later. Until then no object could be converted: the old `spec.conversion` is carried over
  if the new one is a webhook without a caBundle and the old one had one.
- A new authority (after two years, or when the Secret was deleted) is written at once, while pods
  serve the old certificate until the kubelet has brought them the new one: the authority before
  stays in the bundle beside it. OLM compares its hashes with the guard's own configuration, the
  last of the CSV's webhook definitions, and does not see the second one.
- At the uninstall the conversion is taken away, and what is stored in one version would be served
  under the name of the other with its fields gone. If all objects are stored in one version,
  nothing else is served any more: what asks for it is told that it is not there.

Whoever says two authorities is not helped, and a CRD that changes its versions with its conversion
is not an uninstall.

Total: whatever is sent, the answer is a review that allows. To refuse an update of a CRD is
nobody's wish here, and the API server takes a guard that fails for one that is not there
(failurePolicy Ignore).
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from kopfkit.uids import uid_hint

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----(?:\r?\n)?", re.DOTALL
)


@dataclass(frozen=True)
class Verdict:
    """The answer to one review.

    Attributes:
        body: the review as JSON; it allows.
        kept: name of the CRD that was changed, "" if none was.
        change: what was changed and why, "" if nothing was.
        problem: why the request could not be read, "" if it could.
    """

    body: bytes
    kept: str = ""
    change: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Change:
    """A JSON patch for a new CRD, and what it does in words."""

    patch: list[dict[str, Any]]
    what: str


def kept(old: Any, new: Any) -> dict[str, Any] | None:
    """The `spec.conversion` that `new` has to keep from `old` (two CRDs), or None to let it be."""
    before, after = _conversion(old), _conversion(new)
    if after.get("strategy") != "Webhook" or _bundle(after):
        return None
    if before.get("strategy") != "Webhook" or not _bundle(before):
        return None
    return before


def trusted(old: Any, new: Any) -> str | None:
    """The caBundle of `new`'s conversion with the authority that `old` trusts beside its own; None
    to let it be."""
    before, after = _conversion(old), _conversion(new)
    if after.get("strategy") != "Webhook" or before.get("strategy") != "Webhook":
        return None
    if _service(before) != _service(after):
        return None
    own, known = _certificates(_bundle(after)), _certificates(_bundle(before))
    others = [each for each in known if each not in own]
    if len(own) != 1 or not others:
        return None
    return base64.b64encode(b"\n".join([*own, others[0]]) + b"\n").decode()


def unserved(old: Any, new: Any) -> list[int]:
    """Indexes in `new`'s spec.versions that must not be served any more, as nothing converts."""
    before, after = _conversion(old), _conversion(new)
    if before.get("strategy") != "Webhook" or after.get("strategy", "None") != "None":
        return []
    versions = _mapping(_mapping(new).get("spec")).get("versions")
    if not isinstance(versions, list) or not all(isinstance(each, dict) for each in versions):
        return []
    if versions != _mapping(_mapping(old).get("spec")).get("versions"):
        return []
    stored = [each.get("name") for each in versions if each.get("storage") is True]
    if _mapping(_mapping(old).get("status")).get("storedVersions") != stored:
        return []
    return [
        index
        for index, each in enumerate(versions)
        if each.get("served") is True and each.get("storage") is not True
    ]


def conversion_kept(old: Any, new: Any) -> Change | None:
    """The first of what `changes` does, alone: nothing but an upgrade is noticed."""
    conversion = kept(old, new)
    if conversion is None:
        return None
    patch = {"op": "add", "path": "/spec/conversion", "value": conversion}
    return Change([patch], "keeps its conversion, the new one trusts nobody")


def changes(old: Any, new: Any) -> Change | None:
    """What has to be changed in `new`; None if it is let be."""
    change = conversion_kept(old, new)
    if change is not None:
        return change
    bundle = trusted(old, new)
    if bundle is not None:
        path = "/spec/conversion/webhook/clientConfig/caBundle"
        patch = {"op": "replace", "path": path, "value": bundle}
        return Change([patch], "trusts the authority before beside the new one")
    ended = unserved(old, new)
    if not ended:
        return None
    paths = (f"/spec/versions/{index}/served" for index in ended)
    names = (new["spec"]["versions"][index].get("name") for index in ended)
    told = ", ".join(name for name in names if isinstance(name, str))
    return Change(
        [{"op": "replace", "path": path, "value": False} for path in paths],
        f"serves {told} no longer, nothing converts any more",
    )


def answer(body: bytes, change_of: Callable[[Any, Any], Change | None] = changes) -> Verdict:
    """The answer to an AdmissionReview; never raises.

    Args:
        change_of: what has to be changed, of the CRDs before and after.
    """
    try:
        review = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return allowed(uid_hint(body), f"the request is not JSON: {error}")
    request = review.get("request") if isinstance(review, dict) else None
    uid = request.get("uid") if isinstance(request, dict) else None
    if not isinstance(request, dict) or not isinstance(uid, str):
        return allowed(uid_hint(body), f"the request is no {KIND} with a uid")
    change = change_of(request.get("oldObject"), request.get("object"))
    if change is None:
        return allowed(uid)
    try:
        encoded = base64.b64encode(msgspec.json.encode(change.patch)).decode()
    except (RecursionError, UnicodeEncodeError, ValueError, OverflowError) as error:
        return allowed(uid, f"the old conversion cannot be written as JSON: {error}")
    name = request.get("name")
    verdict = _review(uid, {"patchType": "JSONPatch", "patch": encoded})
    named = name if isinstance(name, str) and name else "a CRD without a name"
    return Verdict(verdict, kept=named, change=change.what)


def allowed(uid: str, problem: str = "") -> Verdict:
    """The answer that changes nothing."""
    return Verdict(_review(uid, {}), problem=problem)


def _review(uid: str, more: dict[str, Any]) -> bytes:
    response = {"uid": uid, "allowed": True, **more}
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": KIND, "response": response})


def _conversion(crd: Any) -> dict[str, Any]:
    return _mapping(_mapping(_mapping(crd).get("spec")).get("conversion"))


def _service(conversion: dict[str, Any]) -> tuple[Any, Any]:
    """Namespace and name of the Service that converts."""
    client = _mapping(_mapping(conversion.get("webhook")).get("clientConfig"))
    service = _mapping(client.get("service"))
    return service.get("namespace"), service.get("name")


def _bundle(conversion: dict[str, Any]) -> Any:
    """Whom it trusts, base64 as in JSON; false if it does not say."""
    client = _mapping(_mapping(conversion.get("webhook")).get("clientConfig"))
    return client.get("caBundle")


def _certificates(bundle: Any) -> list[bytes]:
    """The certificates of a bundle without the ends of their lines; [] if it cannot be read."""
    if not isinstance(bundle, str):
        return []
    try:
        decoded = base64.b64decode(bundle, validate=True)
    except (binascii.Error, ValueError):
        return []
    return [found.strip() for found in _PEM.findall(decoded)]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
