"""Names that a project may have; every fault at once, with its reason.

Sources: RFC 1123 (labels and subdomains), RFC 1035 (names of Services), Kubernetes' rules for the
names of custom resources and of API versions, Python's keywords and the modules of its library.
"""

import builtins
import keyword
import re
import sys

from kopfkit.project import Faults
from kopfkit.scaffold.answers import LICENSES, STYLES, Answers

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VERSION = re.compile(r"v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*")
# "-webhook" and OLM's "-service-cert" are appended; the whole is a DNS label.
_NAME_MAX = 63 - len("-webhook") - len("-service-cert")
# Modules that a project's package would hide, or be hidden by.
_TAKEN = {
    *keyword.kwlist, *sys.stdlib_module_names, "aiohttp", "bundle", "catalog", "chart", "click",
    "config", "docs", "hypothesis", "jinja2", "kopf", "kopfkit", "kubernetes", "msgspec", "pytest",
    "tests",
}  # fmt: skip
# What a controller's module calls something else.
_USED = {"ctx", "reconcile", "data", "body", "patch", "name", "meta", "logger", "kopf", "rollout"}
_READABLE = 20


def check_answers(faults: Faults, answers: Answers) -> None:
    """Refuse a project with a name or a choice that cannot be, wherever it was recorded: its names
    become paths of files."""
    check_project(faults, answers.name)
    check_domain(faults, answers.domain)
    check_owner(faults, answers.owner)
    faults.require(answers.style in STYLES, "--style", f"{answers.style!r} is unknown")
    faults.require(answers.license in LICENSES, "--license", f"{answers.license!r} is unknown")
    faults.require(
        _DATE.fullmatch(answers.date), "--date", f"{answers.date!r} is not like 2027-01-31"
    )
    for api in answers.apis:
        group = answers.group(api)
        for version in api.versions:
            check_api(faults, group, version, api.kind, api.plural)


def check_project(faults: Faults, name: str) -> None:
    """Refuse a name of a project that Kubernetes, OLM or Python refuse."""
    fine = faults.require(
        _LABEL.fullmatch(name),
        "--project-name",
        f"{name!r} is not a DNS label (lower case letters, digits, '-', a letter first)",
    )
    faults.require(
        len(name) <= _NAME_MAX,
        "--project-name",
        f"{name!r} is longer than {_NAME_MAX}: Kubernetes and OLM append to it",
    )
    package = name.replace("-", "_")
    if fine and package in _TAKEN:
        what = "a word of Python" if keyword.iskeyword(package) else "another module"
        faults.add("--project-name", f"the package {package} would be {what}; try {name}-operator")


def check_domain(faults: Faults, domain: str) -> None:
    """Refuse a domain that cannot be part of an API group."""
    faults.require(
        _SUBDOMAIN.fullmatch(domain) and len(domain) <= 100,
        "--domain",
        f"{domain!r} is not a DNS name such as example.org",
    )
    for owned in ("k8s.io", "kubernetes.io"):
        if domain == owned or domain.endswith(f".{owned}"):
            faults.add("--domain", f"{owned} belongs to Kubernetes; the API server refuses it")


def check_owner(faults: Faults, owner: str) -> None:
    """Refuse an owner that is no line of plain text."""
    faults.require(
        owner.strip() and len(owner) <= 60 and owner.isprintable() and not {*owner} & {*'"\\'},
        "--owner",
        f"{owner!r} is not a name of 1 to 60 characters without quotation marks and backslashes",
    )


def check_api(faults: Faults, group: str, version: str, kind: str, plural: str) -> None:
    """Refuse names that the API server refuses for a custom resource.

    Args:
        group: without the domain; "" for the domain alone.
    """
    faults.require(
        not group or (_SUBDOMAIN.fullmatch(group) and len(group) <= 63),
        "--group",
        f"{group!r} is not a DNS name such as cache; the domain is appended",
    )
    faults.require(
        _VERSION.fullmatch(version) and len(version) <= 20,
        "--version",
        f"{version!r} is not like v1, v1beta1 or v1alpha1",
    )
    faults.require(
        _KIND.fullmatch(kind) and len(kind) <= 63,
        "--kind",
        f"{kind!r} is not in CamelCase, such as Memcached (letters and digits, at most 63)",
    )
    faults.require(
        _LABEL.fullmatch(plural) and len(plural) <= 63,
        "--plural",
        f"{plural!r} is not a DNS label such as memcacheds",
    )


def plural_of(kind: str) -> str:
    """The English plural of a kind, in lower case."""
    word = kind.lower()
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if re.search(r"(s|x|z|ch|sh)$", word) else f"{word}s"


def variable(kind: str) -> str:
    """The name of a variable for an object of a kind: "obj" where the kind's own name is long or
    means something else in Python or in the module."""
    word = kind.lower()
    clashes = keyword.iskeyword(word) or hasattr(builtins, word) or word in _USED
    return "obj" if clashes or len(word) > _READABLE else word
