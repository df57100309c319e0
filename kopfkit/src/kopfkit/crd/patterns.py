"""Texts that nearly every API takes, as regular expressions for CEL rules (RE2).

Each is the whole text: `Rule(f"self.matches('{IMAGE}')", "image must be ...")`. Limit the length as
well (`max_length`): it bounds what such a rule costs.
"""

from typing import Final

__all__ = [
    "IMAGE",
    "IMAGE_LENGTH",
    "OBJECT_NAME",
    "OBJECT_NAME_LENGTH",
    "SCHEDULE",
]

# An object's name (RFC 1123 subdomain), as the API server takes it.
OBJECT_NAME: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
# Characters.
OBJECT_NAME_LENGTH: Final = 253

# An image reference as container runtimes read it (github.com/distribution/reference, regexp.go):
# [registry[:port]/]path[:tag][@digest], the path in lower case.
_HOST = "[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*"
_PATH = "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
IMAGE: Final = (
    f"^(({_HOST}|[[][0-9A-Fa-f:]+[]])(:[0-9]+)?/)?{_PATH}(/{_PATH})*"
    "(:[A-Za-z0-9_][-.A-Za-z0-9_]{0,127})?(@[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-f]{32,128})?$"
)
# Characters: a registry's host name (253), a repository (255), a tag (128) or digest (71).
IMAGE_LENGTH: Final = 640


def _field(*values: str) -> str:
    """One field of a cron line: *, values, ranges, steps, lists."""
    one = f"({'|'.join(values)})"
    item = f"([*]|{one}(-{one})?)(/[1-9][0-9]?)?"
    return f"{item}(,{item})*"


_CRON: Final = " ".join(
    (
        _field("[0-5]?[0-9]"),
        _field("[01]?[0-9]", "2[0-3]"),
        _field("0?[1-9]", "[12][0-9]", "3[01]"),
        _field("0?[1-9]", "1[0-2]", "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"),
        _field("[0-7]", "SUN|MON|TUE|WED|THU|FRI|SAT"),
    )
)
# What `kopfkit.controller.schedules` reads.
SCHEDULE: Final = f"^(@hourly|@daily|@weekly|{_CRON})$"
