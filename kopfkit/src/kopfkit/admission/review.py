"""AdmissionReview (admission.k8s.io/v1): requests read, answers written.

A refusal is a Status as Kubernetes' own validation gives it: reason Invalid, code 422, one cause
for each field; kubectl prints the causes (k8s.io/apimachinery, pkg/api/errors, NewInvalid).
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from kopfkit.uids import uid_hint

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
# k8s.io/api/admission/v1, AdmissionResponse.Warnings: longer ones, and more in all, may be cut.
_WARNING: Final = 256
_WARNINGS: Final = 16
# Causes and characters of each that one answer has; an object may have a million faults.
_CAUSES: Final = 100
_TEXT: Final = 2048


class BadReview(Exception):
    """A request that is no review; str() says why.

    Attributes:
        uid: of the request, as far as it can be found.
    """

    def __init__(self, uid: str, why: str) -> None:
        super().__init__(why)
        self.uid = uid


@dataclass(frozen=True)
class Request:
    """What the API server asks.

    Attributes:
        uid: of the question.
        operation: "CREATE", "UPDATE", "DELETE" or "CONNECT".
        version, kind, group: of the object.
        name, namespace: of the object, "" where it has none yet, or none at all.
        subresource: "" for the object itself.
        object: as it is to be stored; {} for DELETE.
        old: as it is stored; {} for CREATE.
        raw: all of the request.
    """

    uid: str
    operation: str
    group: str
    version: str
    kind: str
    name: str
    namespace: str
    subresource: str
    object: dict[str, Any]
    old: dict[str, Any]
    raw: dict[str, Any]


@dataclass(frozen=True)
class Cause:
    """One fault of an object: the path of the field, and a sentence."""

    path: str
    message: str
    reason: str = "FieldValueInvalid"


@dataclass(frozen=True)
class Denial:
    """A refusal that names no field.

    Attributes:
        message: a sentence.
        code: the HTTP status, 400 or more.
    """

    message: str
    code: int = 403


@dataclass(frozen=True)
class Outcome:
    """What is decided about an object.

    Attributes:
        errors: why it is refused; () where it is not.
        warnings: what is told besides.
        patch: operations of a JSON patch.
        denial: why it is refused as a whole, None where it is not.
    """

    errors: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = ()
    patch: tuple[dict[str, Any], ...] = ()
    denial: Denial | None = None


def read(body: bytes) -> Request:
    """The request of a review's JSON.

    Raises:
        BadReview: it is none.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadReview(uid_hint(body), f"the request is not JSON: {error}") from None
    request = document.get("request") if isinstance(document, dict) else None
    if not isinstance(request, dict):
        raise BadReview(uid_hint(body), f"the request is not an {KIND}")
    uid = request.get("uid")
    if not isinstance(uid, str) or not uid or _clean(uid, _TEXT) != uid:
        raise BadReview(uid_hint(body), "request.uid is missing or not a text")
    if (document.get("apiVersion"), document.get("kind")) != (API_VERSION, KIND):
        raise BadReview(uid, f"the request is not an {KIND} of {API_VERSION}")
    kind = _mapping(request.get("kind"))
    return Request(
        uid,
        _text(request.get("operation")),
        _text(kind.get("group")),
        _text(kind.get("version")),
        _text(kind.get("kind")),
        _text(request.get("name")),
        _text(request.get("namespace")),
        _text(request.get("subResource")),
        _mapping(request.get("object")),
        _mapping(request.get("oldObject")),
        request,
    )


def answer(request: Request, outcome: Outcome) -> bytes:
    """The answer that says what was decided.

    Raises:
        Exception: a patch has what JSON cannot hold.
    """
    told = outcome.warnings
    if (denial := outcome.denial) is not None:
        return deny(request.uid, denial.message, code=denial.code, reason="", warnings=told)
    if outcome.errors:
        return invalid(request, outcome.errors, told)
    return allow(request.uid, warnings=told, patch=outcome.patch)


def allow(uid: str, *, warnings: Sequence[str] = (), patch: Sequence[Any] = ()) -> bytes:
    """The answer that lets the object pass, changed by a JSON patch where there is one."""
    response: dict[str, Any] = {"allowed": True}
    if patch:
        text = base64.b64encode(msgspec.json.encode(list(patch))).decode()
        response |= {"patchType": "JSONPatch", "patch": text}
    return _answer(uid, response, warnings)


def deny(
    uid: str,
    message: str,
    *,
    code: int = 403,
    reason: str = "Forbidden",
    details: dict[str, Any] | None = None,
    warnings: Sequence[str] = (),
) -> bytes:
    """The answer that refuses, with a sentence."""
    status = {"status": "Failure", "message": _clean(message, _TEXT), "code": code}
    if reason:
        status["reason"] = reason
    if details:
        status["details"] = details
    return _answer(uid, {"allowed": False, "status": status}, warnings)


def invalid(request: Request, causes: Sequence[Cause], warnings: Sequence[str] = ()) -> bytes:
    """The answer that refuses an object because of its fields, all at once."""
    told = [
        {
            "reason": each.reason,
            "message": _clean(each.message, _TEXT),
            "field": _clean(each.path, _TEXT),
        }
        for each in causes[:_CAUSES]
    ]
    named = [f"{each['field']}: {each['message']}" for each in told]
    what = named[0] if len(named) == 1 else f"[{', '.join(named)}]"
    subject = f"{request.kind}.{request.group}" if request.group else request.kind
    names = {"name": request.name, "group": request.group, "kind": request.kind}
    details = {**{key: _clean(each, _TEXT) for key, each in names.items()}, "causes": told}
    return deny(
        request.uid,
        f'{subject} "{request.name}" is invalid: {what}',
        code=422,
        reason="Invalid",
        details=details,
        warnings=warnings,
    )


def _answer(uid: str, response: dict[str, Any], warnings: Sequence[str]) -> bytes:
    if warnings:
        told = (_clean(each, _WARNING) for each in warnings[:_WARNINGS])
        response["warnings"] = list(dict.fromkeys(told))
    return msgspec.json.encode(
        {"apiVersion": API_VERSION, "kind": KIND, "response": {"uid": uid, **response}}
    )


def _clean(text: str, most: int) -> str:
    """A text on one line that JSON and an HTTP header take."""
    encodable = text[: most + 1].encode(errors="replace").decode()
    line = "".join(each if each.isprintable() else " " for each in encodable)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
