"""Image references: what is wrong with one, as a clause, before a kubelet finds out.

Rules: github.com/distribution/reference (grammar: reference.go, regexp.go; names without a
registry: normalize.go) and github.com/opencontainers/go-digest (digest.go, algorithm.go), which
kubelets and container runtimes read `image` with. The schema has the outline of it as one regular
expression (`kopfkit.crd.patterns.IMAGE`), with one sentence for all faults; what is here tells them
apart, and knows what an expression cannot count.
"""

import re
from typing import Final

__all__ = ["fault"]

# Characters of the path (reference.go, RepositoryNameTotalLengthMax; before 0.6 with the registry).
_NAME: Final = 255
# Characters of a tag (regexp.go).
_TAG: Final = 128
# Hexadecimal digits by algorithm: those that runtimes know (algorithm.go).
_DIGESTS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_LABEL: Final = r"[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?"
_REGISTRY: Final = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?", re.ASCII
)
_PART: Final = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*", re.ASCII)
_TAGGED: Final = re.compile(r"[A-Za-z0-9_][-.A-Za-z0-9_]*", re.ASCII)
_HEX: Final = re.compile(r"[0-9a-f]*", re.ASCII)


def fault(reference: str) -> str:
    """Why something is no image reference, as a clause; "" if it is one. Total."""
    if not reference:
        return "is empty"
    if "://" in reference:
        return "begins with a scheme like https://"
    if any(each.isspace() for each in reference):
        return "has a space"
    rest, at, digest = reference.partition("@")
    if at and (why := _digest_fault(digest)):
        return why
    # A colon after the last slash begins a tag; before, it begins a port.
    head, slash, last = rest.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and (why := _tag_fault(tag)):
        return why
    return _name_fault(head + slash + last, alone=not (at or colon))


def _digest_fault(digest: str) -> str:
    algorithm, _, digits = digest.partition(":")
    wanted = _DIGESTS.get(algorithm)
    if wanted is None:
        return f"has a digest that begins with none of {', '.join(f'{each}:' for each in _DIGESTS)}"
    if len(digits) != wanted or not _HEX.fullmatch(digits):
        return f"has a {algorithm} digest that is not {wanted} characters of 0-9 and a-f"
    return ""


def _tag_fault(tag: str) -> str:
    if len(tag) > _TAG:
        return f"has a tag of more than {_TAG} characters"
    if not _TAGGED.fullmatch(tag):
        return "has a tag that is not letters, digits, '_', '.' and '-', or begins with '.' or '-'"
    return ""


def _name_fault(name: str, *, alone: bool) -> str:
    if alone and len(name) == _DIGESTS["sha256"] and _HEX.fullmatch(name):
        return "is the id of an image, which no registry is asked for"
    first, slash, path = name.partition("/")
    registry = bool(slash) and _is_host(first)
    if registry and not _REGISTRY.fullmatch(first):
        # A first part with a dot that is no host name may yet be a part of the path: a_b.c/d.
        registry = False
        if not _PART.fullmatch(first):
            return f"has the registry {first!r}, which is no host name with or without a port"
    path = path if registry else name
    if path != path.lower():
        return "has upper-case letters in its name"
    if len(path) > _NAME:
        return f"has a name of more than {_NAME} characters"
    if not all(_PART.fullmatch(part) for part in path.split("/")):
        return (
            "has a name whose parts are not letters and digits with single '.', '_' or '-' inside"
        )
    return ""


def _is_host(first: str) -> bool:
    """Whether the first part names a registry (normalize.go, splitDockerDomain)."""
    return any(each in first for each in ".:") or first == "localhost" or first != first.lower()
