"""Names of children and values of labels, for every name an owner can have.

The name of a custom resource's object is a DNS subdomain: up to 253 characters, dots allowed, a
digit may come first. A Service's name is a DNS-1035 label and a label's value has 63 characters.
Names that fit are used as they are; the others are cut and carry a hash of the whole name, so that
two long ones never meet. A short name that looks like a cut one is given a hash as well, so that
nobody can choose the name of somebody else's child. The result must never change: selectors of
workloads cannot be changed, and a volume is found again by its name.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

__all__ = [
    "HASH",
    "fitting",
    "selector_text",
    "suffixed",
]

# RFC 1035 label as the API server checks Service names.
_DNS_1035: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LONGEST: Final = 63
# Characters of an object's name, where it is not also a label's value.
_LONGEST_OBJECT: Final = 253
# Hexadecimal digits of SHA-256: 40 bits, a chance of 1 in 10^6 among a thousand such names.
HASH: Final = 10
_HASHED: Final = re.compile(rf".*-[0-9a-f]{{{HASH}}}")


def fitting(name: str, suffix: str = "", *, initial: str = "x") -> str:
    """`name` with the suffix, cut to a DNS-1035 label with a hash where it has to be.

    Args:
        initial: begins the label where the name does not begin with a letter.
    """
    room = _LONGEST - len(suffix)
    if _DNS_1035.fullmatch(name) and len(name) <= room and not _HASHED.fullmatch(name):
        return name + suffix
    slug = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    if not slug[:1].isalpha():
        slug = f"{initial}-{slug}"
    digest = hashlib.sha256(name.encode()).hexdigest()[:HASH]
    return f"{slug[: room - HASH - 1].rstrip('-')}-{digest}{suffix}"


def suffixed(name: str, suffix: str) -> str:
    """`name-suffix` as the name of an object that is not also a label's value, cut with a hash of
    the name where it has to be.

    Args:
        name: of the owner.
        suffix: lower case letters, digits and "-".
    """
    room = _LONGEST_OBJECT - len(suffix) - 1
    if len(name) <= room:
        return f"{name}-{suffix}"
    digest = hashlib.sha256(name.encode()).hexdigest()[:HASH]
    return f"{name[: room - HASH - 1].rstrip('-.')}-{digest}-{suffix}"


def selector_text(labels: Mapping[str, str]) -> str:
    """A selector in the form that `kubectl -l` and the scale subresource take."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
