"""Checks of a bundle as its files say it, whoever generated it. Each finding has file and field.

They run in two places: in `kopfkit bundle validate`, and as tests of a scorecard image, in a pod
that has Python and PyYAML only. So nothing here imports more of kopfkit than kopfkit.yamls and
kopfkit.manifests.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from kopfkit.packaging.checks import content, conversion, kinds, metadata, sizes, webhooks
from kopfkit.packaging.checks.files import Bundle, Finding, load
from kopfkit.packaging.checks.rules import ERROR, HOUSE, RULES, SEVERITIES, WARNING, Rule

__all__ = [
    "CHECKS",
    "ERROR",
    "HOUSE",
    "RULES",
    "SEVERITIES",
    "WARNING",
    "Bundle",
    "Finding",
    "Rule",
    "check",
    "found_in",
    "load",
]

# Name of the check, which is the scorecard test's too -> the check.
CHECKS: Mapping[str, Callable[[Bundle], Iterator[Finding]]] = {
    "bundle-metadata": metadata.check,
    "kinds": kinds.check,
    "sizes": sizes.check,
    "webhooks": webhooks.check,
    "conversion-webhooks": conversion.check,
    "examples-of-every-version": content.examples,
    "descriptors-of-every-field": content.descriptors,
    "images-are-listed": content.images,
    "service-accounts": content.service_accounts,
}


def check(directory: Path, *, dockerfile: Path | None = None, house: bool = True) -> list[Finding]:
    """Every finding of every check, in a bundle's directory.

    Args:
        directory: has manifests/ and metadata/.
        dockerfile: the Dockerfile whose labels must agree with the metadata; None: not looked at.
        house: ask kopfkit's own rules, too, by which nobody else judges a bundle.
    """
    bundle, findings = load(directory, dockerfile)
    return [*findings, *(found_in(bundle, house=house) if bundle else ())]


def found_in(bundle: Bundle, *, house: bool = True, skip: Collection[str] = ()) -> list[Finding]:
    """Every finding of every check but those named in `skip`, in a bundle that is loaded; as
    `check`."""
    asked = [each for name, each in CHECKS.items() if name not in skip]
    found = [one for each in asked for one in each(bundle)]
    return [one for one in found if house or one.severity != HOUSE]
