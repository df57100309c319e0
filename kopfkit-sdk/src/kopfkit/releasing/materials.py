"""The bill of materials of a release, CycloneDX 1.6: what is really in the operator image.

Python packages are read from the image's own layers, so that the lock cannot say one thing and the
image another. Serial number and time stamp come from the content and the release: two builds of one
release give one bill.
"""

import datetime
import email
import gzip
import tarfile
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from kopfkit.errors import KopfkitError
from kopfkit.oci.layout import Layout

# Longer texts in a License field are whole licenses, not names.
_NAME_LENGTH = 80


@dataclass(frozen=True, order=True)
class Package:
    """An installed Python package: its name, version, and license as it says it ("" if it does
    not; an SPDX expression if `spdx`)."""

    name: str
    version: str
    license: str = ""
    spdx: bool = False


def packages(image: Layout) -> list[Package]:
    """The Python packages in an image, of all its platforms.

    Raises KopfkitError if a layer cannot be read.
    """
    found: set[Package] = set()
    seen: set[str] = set()
    for descriptor in image.images():
        for layer in image.get(descriptor["digest"])["layers"]:
            if layer["digest"] in seen:
                continue
            seen.add(layer["digest"])
            path = image.blob(layer["digest"])
            try:
                with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
                    for member in tar:
                        if member.name.endswith(".dist-info/METADATA"):
                            file = tar.extractfile(member)
                            if file is not None:
                                found.add(_package(file.read()))
            except (OSError, EOFError, tarfile.TarError) as error:
                raise KopfkitError(
                    f"layer {layer['digest']}", f"cannot be read ({error})"
                ) from None
    return sorted(found)


def _package(metadata: bytes) -> Package:
    read = email.message_from_string(metadata.decode("utf-8", "replace"))
    expression = read.get("License-Expression", "")
    told = expression or read.get("License", "") or ""
    if len(told) > _NAME_LENGTH or "\n" in told:
        told = ""
    return Package(str(read["Name"]), str(read["Version"]), str(told), bool(expression))


def bill(
    *,
    name: str,
    version: str,
    license: str,
    date: datetime.date,
    images: Mapping[str, str],
    bases: Iterable[str],
    python: Iterable[Package],
    debian: Iterable[str],
) -> str:
    """The bill of materials as JSON.

    Args:
        name, version, license: of the operator.
        date: of the release.
        images: kind -> digest of each image of the release.
        bases: references of the images that they start from.
        python: packages in the operator image.
        debian: packages of its base, as name_version, where that was made here.
    """
    bom = Bom()
    root = Component(
        type=ComponentType.APPLICATION, name=name, version=version,
        bom_ref=f"{name}@{version}", licenses=[LicenseExpression(license)],
    )  # fmt: skip
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.datetime.combine(date, datetime.time(), datetime.UTC)
    parts = [_image(name, version, kind, digest) for kind, digest in sorted(images.items())]
    parts += [_base(reference) for reference in sorted(set(bases))]
    parts += [_python(one) for one in sorted(set(python))]
    parts += [_debian(one) for one in sorted(set(debian))]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(root, parts)
    content = "\n".join(str(part.bom_ref) for part in parts)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"{name}@{version}\n{content}")
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _image(name: str, version: str, kind: str, digest: str) -> Component:
    return Component(
        type=ComponentType.CONTAINER, name=f"{name} {kind} image", version=version,
        bom_ref=f"image:{kind}@{digest}",
        hashes=[_hash(digest)],
    )  # fmt: skip


def _base(reference: str) -> Component:
    name, _, digest = reference.partition("@")
    return Component(
        type=ComponentType.CONTAINER, name=name, bom_ref=f"base:{reference}",
        hashes=[_hash(digest)] if digest else [],
    )  # fmt: skip


def _hash(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))


def _python(package: Package) -> Component:
    purl = PackageURL("pypi", None, package.name.lower().replace("_", "-"), package.version)
    licenses: list[DisjunctiveLicense | LicenseExpression] = []
    if package.license and package.spdx:
        licenses = [LicenseExpression(package.license)]
    elif package.license:
        licenses = [DisjunctiveLicense(name=package.license)]
    return Component(
        type=ComponentType.LIBRARY, name=package.name, version=package.version, purl=purl,
        bom_ref=purl.to_string(), licenses=licenses,
    )  # fmt: skip


def _debian(text: str) -> Component:
    name, _, version = text.partition("_")
    # apt writes an epoch's colon as %3a in a file's name.
    version = version.replace("%3a", ":")
    purl = PackageURL("deb", "debian", name, version)
    return Component(
        type=ComponentType.LIBRARY, name=name, version=version, purl=purl, bom_ref=purl.to_string()
    )
