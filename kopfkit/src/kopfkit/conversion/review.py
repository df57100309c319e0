"""ConversionReview (apiextensions.k8s.io/v1) in, ConversionReview out.

Total: whatever is sent, the answer is a well-formed review. One object that cannot be converted
fails the whole review, because the API has no answer for a part of it; the message names the object
and the reason, and the API server shows it to whoever asked.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from kopfkit.conversion.converter import name_of
from kopfkit.conversion.converters import AnyConverter
from kopfkit.conversion.errors import ConversionError
from kopfkit.conversion.observation import Counts
from kopfkit.uids import uid_hint

API_VERSION: Final = "apiextensions.k8s.io/v1"
KIND: Final = "ConversionReview"

# How many bad objects one message names; a page has up to 500.
_NAMED: Final = 3

# Bytes of a body that is decoded as a whole to say what is wrong with it; `[[],[],...` unfolds to
# twenty times as much.
_UNFOLDED: Final = 256 * 1024
# Where the converted objects go in a review without any; in a text inside, its quotes would be
# escaped.
_PLACE: Final = b'"convertedObjects":['
# What encoding says of a value that has no JSON: a lone surrogate, a number that is too large.
_UNWRITABLE: Final = (UnicodeError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True)
class Answer:
    """A reply and what a log says about it.

    Args:
        body: the review as JSON.
        objects: how many objects were converted.
        failure: the message of a Failure, "" for a success.
        refused: the request is none that an API server sends about this API: it is not a review, or
            all that could not be converted is of other APIs.
        counts: the objects by versions and whether each could be converted.
    """

    body: bytes | bytearray
    objects: int = 0
    failure: str = ""
    refused: bool = False
    counts: Counts = field(default_factory=dict)


def answer(body: bytes | bytearray, converter: AnyConverter) -> Answer:
    """The reply to a request's body, both JSON; never raises, see `convert_review`.

    A review in which everything is as it should be is converted by `_one_by_one`. What is wrong
    with another one is found out by `convert_review`, unless it is so large that it might unfold to
    more than there is memory: then it is only said to be no such review.
    """
    try:
        request = _reviews.decode(body).request
        wanted = converter.short(request.desired)
        if request.uid and wanted:
            return _one_by_one(request, wanted, converter)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        if len(body) > _UNFOLDED:
            return refusal(uid_hint(body), f"the request is not a {KIND}: {error}")
    tally: Counter[tuple[str, str, bool]] = Counter()
    response = (review := convert_review(body, converter, tally))["response"]
    try:
        encoded = msgspec.json.encode(review)
    except (RecursionError, *_UNWRITABLE) as error:
        why = f"the converted objects cannot be written as JSON: {error}"
        return refusal(response["uid"], why, refused=False)
    message = response["result"].get("message", "")
    refused = bool(message) and not _ours(body, converter)
    return Answer(encoded, len(response["convertedObjects"]), message, refused, tally)


class _Request(msgspec.Struct):
    """The request of a review whose objects are left as JSON."""

    uid: str
    desired: str = msgspec.field(name="desiredAPIVersion")
    objects: list[msgspec.Raw]


class _Review(msgspec.Struct):
    """A review as it should be; what does not fit is no such review."""

    api_version: Literal["apiextensions.k8s.io/v1"] = msgspec.field(name="apiVersion")
    kind: Literal["ConversionReview"]
    request: _Request


class _Stated(msgspec.Struct):
    """What an object says it is."""

    api_version: str = msgspec.field(name="apiVersion")


_reviews: Final = msgspec.json.Decoder(_Review)
_stated: Final = msgspec.json.Decoder(_Stated)


def _one_by_one(request: _Request, wanted: str, converter: AnyConverter) -> Answer:
    """The reply to a review in its right form.

    One object after the other is decoded, converted and encoded: a page of 500 objects never is in
    memory as a tree, which would be twenty times as large as its text and make the garbage
    collector look through all of it again and again.
    """
    tally: Counter[tuple[str, str, bool]] = Counter()
    reasons: list[str] = []
    head, place, tail = msgspec.json.encode(_success(request.uid, [])).partition(_PLACE)
    out = bytearray(head + place)
    for number, text in enumerate(request.objects):
        obj: Any = None
        bad = len(reasons)
        try:
            obj = msgspec.json.decode(text)
            encoded = _converted(obj, request.desired, converter)
        except ConversionError as error:
            reasons.append(str(error))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            reasons.append(f"object number {number} is not JSON: {error}")
        else:
            if not reasons:
                out += encoded
                out += b","
        stated = obj.get("apiVersion") if isinstance(obj, dict) else None
        tally[converter.short(stated) or "unknown", wanted, len(reasons) == bad] += 1
    if reasons:
        message = _named(reasons)
        refused = not _about_ours(request, converter)
        encoded = msgspec.json.encode(failure(request.uid, message))
        return Answer(encoded, 0, message, refused, tally)
    if request.objects:
        del out[-1:]
    out += tail
    return Answer(out, len(request.objects), counts=tally)


def _converted(obj: Any, version: str, converter: AnyConverter) -> bytes:
    """An object in another version, as JSON; ConversionError if there is none."""
    made = converter.convert(obj, version)
    try:
        return msgspec.json.encode(made)
    except (RecursionError, *_UNWRITABLE) as error:
        raise ConversionError(name_of(obj), f"cannot be written as JSON: {error}") from None


def _named(reasons: list[str]) -> str:
    """The first few reasons, and how many objects more could not be converted."""
    more = f" (and {len(reasons) - _NAMED} more objects)" if len(reasons) > _NAMED else ""
    return "; ".join(reasons[:_NAMED]) + more


def refusal(uid: str, message: str, *, refused: bool = True) -> Answer:
    """The Answer that says the conversion failed, and why."""
    return Answer(msgspec.json.encode(failure(uid, message)), failure=message, refused=refused)


def _ours(body: bytes | bytearray, converter: AnyConverter) -> bool:
    """Whether a request has the form of a review, and is about this API."""
    try:
        return _about_ours(_reviews.decode(body).request, converter)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False


def _about_ours(request: _Request, converter: AnyConverter) -> bool:
    """Whether an API server may have asked this: a version of our API is wanted, and objects of our
    API are there (in whatever version: a newer CRD may have more than we know)."""
    groups = {version.partition("/")[0] for version in converter.api_versions}
    if not request.uid or request.desired.partition("/")[0] not in groups:
        return False
    for text in request.objects:
        try:
            stated = _stated.decode(text).api_version
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue
        if stated.partition("/")[0] in groups:
            return True
    return not request.objects


def convert_review(
    body: Any, converter: AnyConverter, tally: Counter[tuple[str, str, bool]] | None = None
) -> dict[str, Any]:
    """The answered review, for a body of JSON bytes or an already decoded value. Never raises.

    `tally` is told of every object: (version from, version to, whether it could be converted).
    """
    uid = ""
    if isinstance(body, bytes | bytearray | memoryview | str):
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return failure(uid_hint(body), f"the request is not JSON: {error}")
    else:
        document = body
    try:
        uid, version, objects = _request(document)
        tally = Counter() if tally is None else tally
        return _success(uid, _convert_all(objects, version, converter, tally))
    except _BadReview as error:
        return failure(error.uid or uid, str(error))


def failure(uid: str, message: str) -> dict[str, Any]:
    """A review that says the conversion failed, and why."""
    return _review(uid, [], {"status": "Failure", "message": message})


class _BadReview(Exception):
    """The whole review is answered with Failure; str() is the message."""

    def __init__(self, message: str, uid: str = "") -> None:
        super().__init__(message)
        self.uid = uid


def _request(document: Any) -> tuple[str, str, list[Any]]:
    """uid, desiredAPIVersion and objects of a review; _BadReview names what is wrong with it."""
    if not isinstance(document, dict):
        raise _BadReview(f"the request is not a {KIND} but {type(document).__name__}")
    request = document.get("request")
    uid = request.get("uid") if isinstance(request, dict) else None
    known = uid if isinstance(uid, str) else ""
    if document.get("kind") != KIND:
        raise _BadReview(f"the request's kind is {document.get('kind')!r}, not {KIND}", known)
    if document.get("apiVersion") != API_VERSION:
        raise _BadReview(
            f"the request's apiVersion is {document.get('apiVersion')!r}, not {API_VERSION}", known
        )
    if not isinstance(request, dict):
        raise _BadReview("the review has no request")
    if not known:
        raise _BadReview("request.uid is missing or not a string")
    version = request.get("desiredAPIVersion")
    if not isinstance(version, str):
        raise _BadReview("request.desiredAPIVersion is missing or not a string", known)
    objects = request.get("objects")
    if not isinstance(objects, list):
        raise _BadReview("request.objects is missing or not a list", known)
    return known, version, objects


def _convert_all(
    objects: list[Any],
    version: str,
    converter: AnyConverter,
    tally: Counter[tuple[str, str, bool]],
) -> list[dict[str, Any]]:
    """All objects in their order; _BadReview names the first few that cannot be converted."""
    converted: list[dict[str, Any]] = []
    reasons: list[str] = []
    wanted = converter.short(version)
    if not wanted:
        known = ", ".join(converter.api_versions)
        raise _BadReview(f"request.desiredAPIVersion {version!r} is unknown, known are {known}")
    for obj in objects:
        stated = obj.get("apiVersion") if isinstance(obj, dict) else None
        bad = len(reasons)
        try:
            converted.append(converter.convert(obj, version))
        except ConversionError as error:
            reasons.append(str(error))
        tally[converter.short(stated) or "unknown", wanted, len(reasons) == bad] += 1
    if reasons:
        raise _BadReview(_named(reasons))
    return converted


def _success(uid: str, objects: Sequence[Any]) -> dict[str, Any]:
    return _review(uid, objects, {"status": "Success"})


def _review(uid: str, objects: Sequence[Any], result: dict[str, str]) -> dict[str, Any]:
    response = {"uid": uid, "convertedObjects": objects, "result": result}
    return {"apiVersion": API_VERSION, "kind": KIND, "response": response}
