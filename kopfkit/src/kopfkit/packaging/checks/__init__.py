"""Checks of a bundle as its files say it, whoever generated it. Each finding has file and field.

They run in two places: in `kopfkit bundle validate`, and as tests of a scorecard image, in a pod
that has Python and PyYAML only. So nothing here imports more of kopfkit than kopfkit.yamls.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from kopfkit.packaging.checks import content, conversion, metadata
from kopfkit.packaging.checks.files import Bundle, Finding, load

__all__ = ["CHECKS", "Bundle", "Finding", "check", "load"]

# Name of the check, which is the scorecard test's too -> the check.
CHECKS: Mapping[str, Callable[[Bundle], Iterator[Finding]]] = {
    "bundle-metadata": metadata.check,
    "conversion-webhooks": conversion.check,
    "examples-of-every-version": content.examples,
    "descriptors-of-every-field": content.descriptors,
    "images-are-listed": content.images,
    "service-accounts": content.service_accounts,
}


def check(directory: Path, *, dockerfile: Path | None = None) -> list[Finding]:
    """Every finding of every check, in a bundle's directory.

    Args:
        directory: has manifests/ and metadata/.
        dockerfile: the Dockerfile whose labels must agree with the metadata; None: not looked at.
    """
    bundle, findings = load(directory, dockerfile)
    if bundle is None:
        return findings
    return [*findings, *(found for each in CHECKS.values() for found in each(bundle))]
