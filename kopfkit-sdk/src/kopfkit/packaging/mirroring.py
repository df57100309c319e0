"""What a disconnected cluster needs to install from a mirror registry: images, and where they are.

Formats: config.openshift.io/v1 (ImageDigestMirrorSet, ImageTagMirrorSet), oc-mirror's
mirror.openshift.io/v2alpha1 (ImageSetConfiguration), `oc image mirror --filename` for mapping.txt,
operators.coreos.com/v1alpha1 (CatalogSource) and olm.operatorframework.io/v1 (ClusterCatalog).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.packaging.checks import ERROR, load
from kopfkit.packaging.checks.content import used_images
from kopfkit.packaging.headers import header
from kopfkit.packaging.inputs import REFERENCE, split_image
from kopfkit.yamls import dump

Object = dict[str, Any]
HEADER = header("kopfkit catalog mirror", "a catalog or bundle")
# Who is meant by a reference without a host (github.com/distribution/reference, normalize.go).
_HUB, _LIBRARY = "docker.io", "library/"


@dataclass(frozen=True)
class Wanted:
    """What is mirrored.

    Attributes:
        name: of the objects that are written.
        images: references, each once.
        packages: package -> its channels; {} of a bundle.
        catalog: image of the catalog; "" where there is none.
        heads: the bundles are those at the channels' heads, not all.
    """

    name: str
    images: Sequence[str]
    packages: Mapping[str, Sequence[str]]
    catalog: str = ""
    heads: bool = False


def of_bundle(document: Mapping[str, Any]) -> Iterator[str]:
    """The images that an olm.bundle names."""
    yield str(document.get("image") or "")
    for one in document.get("relatedImages") or []:
        yield str(one.get("image") or "")


def of_directory(directory: Path) -> list[str]:
    """The images that the CSV in a bundle's directory names: relatedImages, and what the pods run
    or are told by a variable RELATED_IMAGE_*.

    Raises:
        KopfkitError: the CSV cannot be read, or only in parts.
    """
    bundle, findings = load(directory)
    wrong = [
        one
        for one in findings
        if bundle is None or (one.file == bundle.csv_file and one.severity == ERROR)
    ]
    if bundle is None or wrong:
        hint = f"Some images would be missing; run kopfkit bundle validate {directory}"
        raise KopfkitError(wrong[0].place, wrong[0].why, hint)
    related = [str(one.get("image") or "") for one in bundle.spec.get("relatedImages", [])]
    return [*related, *(image for _, image in used_images(bundle))]


def parted(images: Iterable[str]) -> tuple[list[str], list[str]]:
    """The references, complete, sorted and each once; and what is no reference that can be pulled
    and found again, as it has neither tag nor digest."""
    good, bad = set(), set()
    for image in images:
        match = REFERENCE.fullmatch(image)
        if match and (match["tag"] or match["digest"]):
            good.add(complete(image))
        elif image:
            bad.add(image)
    return sorted(good), sorted(bad)


def complete(image: str) -> str:
    """A reference with its host."""
    first, _, rest = image.partition("/")
    if rest and (first == "localhost" or {".", ":"} & set(first)):
        return image
    return f"{_HUB}/{image}" if rest else f"{_HUB}/{_LIBRARY}{image}"


def mirrored(image: str, registry: str) -> str:
    """Where an image is copied to: the same repository below `registry`, by a tag.

    A tag that an image has only by digest is made of the digest: registries keep what has a tag.
    """
    name, tag, digest = split_image(image)
    target = f"{registry}/{name.partition('/')[2]}"
    return f"{target}:{tag or digest.partition(':')[2][:12]}"


def targets(images: Iterable[str], registry: str) -> dict[str, str]:
    """Where each image is copied to; two of one repository and tag by tags of their digests.

    Raises:
        KopfkitError: one would replace another, as both have only the tag.
    """
    found = {one: mirrored(one, registry) for one in images}
    count = Counter(found.values())
    taken: dict[str, str] = {}
    for one, target in found.items():
        name, _, digest = split_image(one)
        if digest and count[target] > 1:
            target = found[one] = mirrored(f"{name}@{digest}", registry)
        other = taken.setdefault(target, one)
        if other != one and (not digest or split_image(other)[2] != digest):
            raise KopfkitError(
                f"{other} and {one}",
                f"would both be copied to {target}",
                "Mirror them one by one (--package, --channel), with another path in --to.",
            )
    return found


def tree(wanted: Wanted, registry: str) -> dict[str, str]:
    """The files, by name.

    Args:
        registry: host, with a port or a path where the mirror has them.

    Raises:
        KopfkitError: as `targets`.
    """
    images = sorted({*wanted.images, *([complete(wanted.catalog)] if wanted.catalog else [])})
    copied = targets(images, registry)
    files = {
        "images.txt": HEADER + "".join(f"{one}\n" for one in images),
        "mapping.txt": HEADER + "".join(f"{one}={target}\n" for one, target in copied.items()),
        "imageset-config.yaml": HEADER + dump(_image_set(wanted)),
    }
    by_digest = [one for one in wanted.images if split_image(one)[2]]
    by_tag = [one for one in wanted.images if not split_image(one)[2]]
    for kind, field, listed in (
        ("ImageDigestMirrorSet", "imageDigestMirrors", by_digest),
        ("ImageTagMirrorSet", "imageTagMirrors", by_tag),
    ):
        if listed:
            document = {
                "apiVersion": "config.openshift.io/v1",
                "kind": kind,
                "metadata": {"name": wanted.name},
                "spec": {field: list(_mirrors(listed, registry))},
            }
            files[f"{kind.lower()}.yaml"] = HEADER + dump(document)
    if wanted.catalog:
        image = complete(wanted.catalog)
        name, _, digest = split_image(image)
        target = f"{registry}/{name.partition('/')[2]}@{digest}" if digest else copied[image]
        files["catalogsource.yaml"] = HEADER + dump(_source(wanted.name, target))
        files["clustercatalog.yaml"] = HEADER + dump(_catalog(wanted.name, target))
    return files


def _mirrors(images: Iterable[str], registry: str) -> Iterator[Object]:
    for name in sorted({split_image(one)[0] for one in images}):
        yield {"source": name, "mirrors": [f"{registry}/{name.partition('/')[2]}"]}


def _image_set(wanted: Wanted) -> Object:
    mirror: Object = {}
    if wanted.catalog:
        packages = [
            {"name": name, "channels": [{"name": one} for one in channels]}
            for name, channels in wanted.packages.items()
        ]
        # Without `full`, oc-mirror takes the head of each channel.
        every = {} if wanted.heads else {"full": True}
        mirror["operators"] = [{"catalog": wanted.catalog, **every, "packages": packages}]
    else:
        mirror["additionalImages"] = [{"name": one} for one in wanted.images]
    return {
        "apiVersion": "mirror.openshift.io/v2alpha1",
        "kind": "ImageSetConfiguration",
        "mirror": mirror,
    }


def _source(name: str, image: str) -> Object:
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "CatalogSource",
        "metadata": {"name": name, "namespace": "openshift-marketplace"},
        "spec": {
            "sourceType": "grpc",
            "image": image,
            "displayName": name,
            # A catalog that opm built may run as anybody (PodSecurity "restricted").
            "grpcPodConfig": {"securityContextConfig": "restricted"},
        },
    }


def _catalog(name: str, image: str) -> Object:
    return {
        "apiVersion": "olm.operatorframework.io/v1",
        "kind": "ClusterCatalog",
        "metadata": {"name": name},
        "spec": {"source": {"type": "Image", "image": {"ref": image}}},
    }
