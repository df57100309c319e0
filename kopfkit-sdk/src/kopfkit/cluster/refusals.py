"""What an API server's refusal says about which field."""

import re
from typing import Any

_UNKNOWN = re.compile(r'(unknown|duplicate) field "([^"]+)"')
_TYPE = re.compile(r"cannot unmarshal \w+ into Go struct field \w+\.(\S+) of type .*")
_KIND = re.compile(r'^.*?"[^"]*" is invalid: *', re.DOTALL)


def refusals(status: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, why) for each cause in a Status.

    The causes are there for an object that is invalid; of one that cannot be decoded, only the
    message tells, with a field for each that the type does not have.
    """
    message = str(status.get("message") or "")
    unknown = _UNKNOWN.findall(message) if "strict decoding error" in message else []
    if unknown:
        return [(field, f"{kind} field") for kind, field in unknown]
    details = status.get("details") or {}
    found = [
        (str(cause.get("field") or "").removeprefix("<nil>").lstrip("."), _words(cause["message"]))
        for cause in details.get("causes") or []
        if cause.get("message")
    ]
    if found:
        return found
    match = _TYPE.search(message)
    if match:
        return [(match[1], _words(message[match.start() :]))]
    return [("", _words(_KIND.sub("", message, count=1)) or f"is refused ({status.get('reason')})")]


def _words(text: Any) -> str:
    return " ".join(str(text).split())
