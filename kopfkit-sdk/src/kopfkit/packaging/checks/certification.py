"""What OpenShift's certification says of a bundle by its files alone (`preflight check operator`).

Asked only where somebody asks for it: no cluster refuses a bundle for these.
"""

import re
from collections.abc import Iterator

from kopfkit.packaging.checks.content import used_images
from kopfkit.packaging.checks.files import Bundle, Finding

_PREFIX = "features.operators.openshift.io"
_REQUIRED = (
    "disconnected", "fips-compliant", "proxy-aware", "tls-profiles", "token-auth-aws",
    "token-auth-azure", "token-auth-gcp",
)  # fmt: skip
_OPTIONAL = ("cnf", "cni", "csi")
VERSIONS = "com.redhat.openshift.versions"
# v4.14 and above; exactly =v4.14; v4.14-v4.18; a list, which only the oldest catalogs know.
_RANGE = re.compile(r"=?v4\.\d+|v4\.\d+-v4\.\d+|v4\.\d+(,v4\.\d+)+")


def check(bundle: Bundle) -> Iterator[Finding]:
    """Annotations, OpenShift's versions, and images of a bundle."""
    yield from _features(bundle)
    yield from _versions(bundle)
    yield from _related(bundle)
    yield from _restricted(bundle)


def _features(bundle: Bundle) -> Iterator[Finding]:
    annotations = bundle.csv["metadata"].get("annotations") or {}
    for name in (*_REQUIRED, *_OPTIONAL):
        key = f"{_PREFIX}/{name}"
        place = f"metadata.annotations[{key}]"
        value = annotations.get(key)
        if value is None and name in _REQUIRED:
            yield Finding(bundle.csv_file, place, "is missing", "certification-annotations")
        elif value not in (None, "true", "false"):
            why = f"is {value!r}, neither 'true' nor 'false'"
            yield Finding(bundle.csv_file, place, why, "certification-annotations")


def _versions(bundle: Bundle) -> Iterator[Finding]:
    value = bundle.annotations.get(VERSIONS)
    place = f"annotations[{VERSIONS}]"
    if value is None:
        why = "is missing: the bundle goes into the catalog of every OpenShift version"
        yield Finding(bundle.annotations_file, place, why, "certification-versions-absent")
    elif not _RANGE.fullmatch(value):
        why = f"{value!r} is none of v4.14, =v4.14 and v4.14-v4.18"
        yield Finding(bundle.annotations_file, place, why, "certification-versions")


def _related(bundle: Bundle) -> Iterator[Finding]:
    listed = {one.get("image") for one in bundle.spec.get("relatedImages", [])}
    for place, image in used_images(bundle):
        if image not in listed:
            why = f"{image} is not in spec.relatedImages"
            yield Finding(bundle.csv_file, place, why, "certification-related-images")


def _restricted(bundle: Bundle) -> Iterator[Finding]:
    """Of an operator that says it can be installed without the Internet."""
    annotations = bundle.csv["metadata"].get("annotations") or {}
    if annotations.get(f"{_PREFIX}/disconnected") != "true":
        return
    rule, file = "certification-restricted-network", bundle.csv_file
    related = bundle.spec.get("relatedImages", [])
    if not related:
        yield Finding(file, "spec.relatedImages", "is empty", rule)
    for index, one in enumerate(related):
        if not re.search(r"@sha256:[0-9a-f]{64}$", str(one.get("image", ""))):
            why = f"{one.get('image')} is not named by its digest"
            yield Finding(file, f"spec.relatedImages[{index}].image", why, rule)
    if not any(".env[RELATED_IMAGE_" in place for place, _ in used_images(bundle)):
        why = "no container has a variable RELATED_IMAGE_*"
        yield Finding(file, "spec.install.spec.deployments", why, rule)
