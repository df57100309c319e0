"""What children and labels are called, for every name a HelloWorld can have.

A HelloWorld's name is a DNS subdomain: up to 253 characters, dots allowed, a digit may come first.
A Service's name is a DNS-1035 label and a label's value has 63 characters. Names that fit are used
as they are; the others are cut and carry a hash of the whole name, so that two long ones never
meet. Neither function may ever change its result: selectors of Deployments cannot be changed.
"""

import hashlib
import re
from typing import Final

MANAGER: Final = "helloworld-operator"
APP: Final = "helloworld"
# What we find our children by.
SELECTOR: Final = f"app.kubernetes.io/managed-by={MANAGER},app.kubernetes.io/name={APP}"

# RFC 1035 label as the API server checks Service names.
_DNS_1035: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LONGEST: Final = 63
# Hexadecimal digits of SHA-256: 40 bits, a chance of 1 in 10^6 among a thousand such names.
_HASH: Final = 10


def child_name(name: str) -> str:
    """The name of Deployment and Service: the HelloWorld's own where that is a DNS-1035 label."""
    if _DNS_1035.fullmatch(name):
        return name
    slug = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    if not slug[:1].isalpha():
        slug = f"hw-{slug}"
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    return f"{slug[: _LONGEST - _HASH - 1].rstrip('-')}-{digest}"


def selector_labels(name: str) -> dict[str, str]:
    """The labels that pick one HelloWorld's pods."""
    return {"app.kubernetes.io/name": APP, "app.kubernetes.io/instance": child_name(name)}


def labels(name: str) -> dict[str, str]:
    """The labels of everything that belongs to one HelloWorld."""
    return {
        **selector_labels(name),
        "app.kubernetes.io/component": "greeting",
        "app.kubernetes.io/managed-by": MANAGER,
    }


def selector_text(name: str) -> str:
    """The pods' selector in the form that `kubectl -l` and the scale subresource take."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector_labels(name).items()))
