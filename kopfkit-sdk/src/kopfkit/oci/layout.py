"""The OCI image layout (image-spec 1.1, image-layout.md): images as files in a directory.

Every registry tool reads it (crane, skopeo, oras, podman), so what is built here is pushed as it is
and keeps its digest.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.oci.layers import digest as digest_of

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# Docker's own names of the same things, as a base image may have them.
_DOCKER = {
    "application/vnd.docker.distribution.manifest.v2+json": MANIFEST,
    "application/vnd.docker.distribution.manifest.list.v2+json": INDEX,
    "application/vnd.docker.container.image.v1+json": CONFIG,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER,
}
# The only algorithm that registries use (image-spec 1.1, descriptor.md, digests).
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
# Characters of something else that are told.
_SHOWN = 100

Descriptor = dict[str, Any]


def canonical(value: Any) -> bytes:
    """JSON of which there is one form only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Layout:
    """One layout directory.

    Args:
        directory: an existing layout, or where one is begun.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._blobs = directory / "blobs" / "sha256"

    def begin(self) -> None:
        """Make the directory an empty layout."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        (self.directory / "oci-layout").write_bytes(canonical({"imageLayoutVersion": "1.0.0"}))

    def blob(self, digest: str) -> Path:
        """Where the blob of that digest is, or would be.

        Raises KopfkitError for what is no digest of SHA-256.
        """
        # A base image's documents are somebody else's: as a path, theirs would lead anywhere.
        if not _DIGEST.fullmatch(str(digest)):
            raise KopfkitError(
                f"{self.directory}: digest {str(digest)[:_SHOWN]!r}",
                "is not sha256: and 64 hexadecimal digits",
                "Use an image whose blobs have such digests.",
            )
        return self._blobs / digest.removeprefix("sha256:")

    def put(self, value: Any, media_type: str) -> Descriptor:
        """Store a JSON document; returns its descriptor."""
        data = canonical(value)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blob(digest).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def take(self, path: Path, digest: str) -> None:
        """Move a file in as the blob `digest`."""
        path.chmod(0o644)
        os.replace(path, self.blob(digest))

    def copy(self, digest: str, other: "Layout") -> None:
        """Take a blob over from another layout."""
        if not self.blob(digest).exists():
            shutil.copyfile(other.blob(digest), self.blob(digest))

    def get(self, digest: str) -> Any:
        """The JSON document of that digest.

        Raises KopfkitError if that is no digest, or the document is not there or no JSON.
        """
        try:
            return json.loads(self.blob(digest).read_bytes())
        except (OSError, ValueError) as error:
            raise KopfkitError(
                f"{self.directory}: blob {digest}", f"cannot be read ({error})"
            ) from error

    def images(self) -> list[Descriptor]:
        """Descriptors of the image manifests, those of an index one by one.

        Raises KopfkitError if this is no layout.
        """
        found: list[Descriptor] = []
        for one in self._top():
            if _DOCKER.get(one["mediaType"], one["mediaType"]) == INDEX:
                found += self.get(one["digest"])["manifests"]
            else:
                found.append(one)
        return found

    def finish(self, manifests: Sequence[Descriptor], annotations: Mapping[str, str]) -> str:
        """Write index.json: one image as it is, several as one image index for all platforms.

        Returns the digest that a registry answers for the pushed image.
        """
        top = manifests[0]
        if len(manifests) > 1:
            index: dict[str, Any] = {
                "schemaVersion": 2,
                "mediaType": INDEX,
                "manifests": list(manifests),
            }
            if annotations:
                index["annotations"] = dict(annotations)
            top = self.put(index, INDEX)
        listed = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [top]}
        (self.directory / "index.json").write_bytes(canonical(listed))
        return str(top["digest"])

    def digest(self) -> str:
        """The digest that a registry answers for the image. Raises KopfkitError if it is none."""
        return str(self._top()[0]["digest"])

    def faults(self) -> list[str]:
        """The blobs that are not what their names say, each with the reason."""
        return [
            f"blob {path.name} has the content of {digest_of(path)}"
            for path in sorted(self._blobs.iterdir())
            if digest_of(path) != f"sha256:{path.name}"
        ]

    def _top(self) -> list[Descriptor]:
        try:
            found = json.loads((self.directory / "index.json").read_bytes())["manifests"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KopfkitError(
                str(self.directory), f"is no OCI image layout ({error})", "Build the image first."
            ) from error
        if not found:
            raise KopfkitError(str(self.directory), "holds no image", "Build the image first.")
        return list(found)


def normal(media_type: str) -> str:
    """OCI's name of a media type that may be Docker's."""
    return _DOCKER.get(media_type, media_type)
