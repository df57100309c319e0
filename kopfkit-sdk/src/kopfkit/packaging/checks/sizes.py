"""Whether a bundle fits where it has to be stored: each object in etcd, all of them in the one
ConfigMap that OLM unpacks a bundle into.

Rules: etcd's --max-request-bytes; TotalAnnotationSizeLimitB of k8s.io/apimachinery
pkg/api/validation; operator-registry pkg/configmap/configmap_writer.go, which sums the files
compressed, in base64, and without annotations.yaml.
"""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from kopfkit.packaging.checks.files import Bundle, Finding, Object
from kopfkit.yamls import LARGEST

_OBJECT = 3 << 19
_ANNOTATIONS = 256 << 10
_BUNDLE = 1 << 20
# The part of the limit at which operator-sdk warns.
_NEAR = 0.85


def check(bundle: Bundle) -> Iterator[Finding]:
    """Objects, their annotations, and the bundle as a whole."""
    objects = [(bundle.csv_file, bundle.csv), *bundle.crds.values(), *bundle.others]
    for file, one in objects:
        yield from _object(file, one)
    size = unpacked_size(bundle)
    if size > _BUNDLE * _NEAR:
        over = size > _BUNDLE
        yield Finding(
            bundle.directory.name,
            "",
            f"is {size} bytes compressed, {'over' if over else 'near'} the limit of {_BUNDLE}",
            "bundle-size" if over else "bundle-size-near",
        )


def unpacked_size(bundle: Bundle) -> int:
    """Bytes of the bundle in the ConfigMap into which OLM unpacks it."""
    total = 0
    for part in ("manifests", "metadata"):
        for path in (bundle.directory / part).glob("*"):
            if path.is_file() and path.name != "annotations.yaml":
                total += _compressed(path)
    return total


def _compressed(path: Path) -> int:
    # What cannot be read as a manifest either is far beyond every limit.
    if path.stat().st_size > LARGEST:
        return path.stat().st_size
    return len(base64.b64encode(gzip.compress(path.read_bytes(), 6)))


def _object(file: str, one: Object) -> Iterator[Finding]:
    size = len(
        json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    )
    if size > _OBJECT:
        yield Finding(file, "", f"is {size} bytes as JSON, over {_OBJECT}", "object-size")
    annotations = one["metadata"].get("annotations", {})
    told = sum(
        len(f"{key}{value}".encode("utf-8", "replace")) for key, value in annotations.items()
    )
    if told > _ANNOTATIONS:
        why = f"are {told} bytes, over {_ANNOTATIONS}"
        yield Finding(file, "metadata.annotations", why, "annotations-size")
