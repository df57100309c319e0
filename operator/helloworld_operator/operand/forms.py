"""What a visitor may write into the guest book: bounds, and the two ways to say it. Pure.

Bounded, because a volume is: a visitor shall not fill it with one request.
"""

import json
import unicodedata
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

# Bytes of a request's body: a message of four bytes a character, escaped as \uXXXX pairs, and air.
MAX_BODY: Final = 16 * 1024
# Unicode characters.
MAX_MESSAGE: Final = 1000
MAX_NAME: Final = 100
ANONYMOUS: Final = "anonymous"
# Entries that one answer holds at most.
MAX_PAGE: Final = 100


class Refused(Exception):
    """The request is not taken; the HTTP status and a sentence say why."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True)
class Page:
    """Which entries are asked for: the newest `limit` ones with an id below `before`."""

    limit: int
    before: int | None


def entry(kind: str, body: bytes) -> tuple[str, str]:
    """Name and message of a request's body.

    Args:
        kind: the Content-Type.
        body: at most MAX_BODY bytes.

    Raises:
        Refused: it is neither JSON nor a form, or a field is missing or too long.
    """
    media = kind.partition(";")[0].strip().lower()
    if media == "application/json":
        fields = _json(body)
    elif media == "application/x-www-form-urlencoded":
        fields = _form(body)
    else:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "send application/json or application/x-www-form-urlencoded",
        )
    message = _text(fields, "message", MAX_MESSAGE, breaks=True)
    if not message:
        raise _bad("message is missing: the text of the entry")
    return _text(fields, "name", MAX_NAME, breaks=False) or ANONYMOUS, message


def page(query: str) -> Page:
    """The page that a URL's query asks for.

    Raises:
        Refused: limit or before is not a number in its range.
    """
    fields = parse_qs(query, max_num_fields=10)
    limit = _number(fields, "limit", MAX_PAGE)
    before = _number(fields, "before", 2**62)
    return Page(MAX_PAGE if limit is None else limit, before)


def _bad(sentence: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, sentence)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise _bad("the body is not JSON") from None
    if not isinstance(found, dict):
        raise _bad('the body must be an object such as {"name": "Ada", "message": "Hello"}')
    return found


def _form(body: bytes) -> dict[str, Any]:
    try:
        found = parse_qs(body.decode(), errors="strict", max_num_fields=10)
    except ValueError:
        raise _bad("the body is not a form in UTF-8") from None
    return {name: values[-1] for name, values in found.items()}


def _text(fields: dict[str, Any], name: str, longest: int, *, breaks: bool) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise _bad(f"{name} must be text")
    value = value.replace("\r\n", "\n").strip()
    if len(value) > longest:
        raise _bad(f"{name} has {len(value)} characters, {longest} are allowed")
    for character in value:
        # Cc: control characters. Cs: halves of surrogate pairs, which are no text at all.
        if unicodedata.category(character) in ("Cc", "Cs") and not (breaks and character in "\n\t"):
            raise _bad(f"{name} has a character that is no text: U+{ord(character):04X}")
    return value


def _number(fields: dict[str, list[str]], name: str, most: int) -> int | None:
    if name not in fields:
        return None
    given = fields[name][-1]
    if not (given.isascii() and given.isdecimal() and len(given) < 20 and 1 <= int(given) <= most):
        raise _bad(f"{name} must be a number from 1 to {most}")
    return int(given)
