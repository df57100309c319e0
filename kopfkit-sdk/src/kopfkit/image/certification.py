"""What OpenShift's certification says of an image by itself (`preflight check container`).

Not judged: whether the base is Red Hat's (a service of theirs knows its layers), and whether files
of RPM packages were changed.
"""

import contextlib
import lzma
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.image import ociimages
from kopfkit.manifests import Each, fitted
from kopfkit.oci.layout import Layout

LABELS = ("name", "vendor", "version", "release", "summary", "description", "maintainer")
_TRADEMARKED = ("name", "vendor", "maintainer")
_RED_HAT = re.compile(r"red[^a-z0-9]*hat")
_STARTS = re.compile(r"[^a-z0-9]*red[^a-z0-9]*hat")
_FOR = re.compile(r"for[^a-z0-9]*red[^a-z0-9]*hat")
_LAYERS = 40
_LICENSES = PurePosixPath("licenses")
# What is read of image-spec's manifest and configuration.
_MANIFEST = {"config": {"digest": str}, "layers": [{"digest": str}]}
_CONFIG = {"config": {"User": str, "Labels": Each(str)}}
# What a damaged layer makes of tarfile and the decompressors below it.
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError)
# Bytes of an RPM database, and SQLite's steps to read it: the image is anybody's. UBI's has 10 MB.
_LARGEST = 512 << 20
_STEPS = 50_000_000
_DATABASES = ("var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite")
# Of RHEL, and not to be redistributed; the last is a prefix.
_PROHIBITED = re.compile(
    r"grub2?|kernel(-core|-debug(-core|-modules(-extra)?|-devel)?|-devel|-doc|-modules(-extra)?"
    r"|-tools(-libs)?)?|kmod-kvdo|linux-firmware|kpatch.*"
)


@dataclass
class Judged:
    """What was found.

    Attributes:
        findings: (field, why, rule).
        notes: what was not judged, as sentences.
    """

    findings: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge(directory: Path, image: str = "") -> Judged:
    """The findings of an image for one platform; of several the first is looked at.

    Args:
        directory: an OCI image layout.
        image: its name in a registry, which is judged, too.

    Raises:
        KopfkitError: it is no layout, or its image cannot be read.
    """
    layout = Layout(directory)
    config, layers = _opened(layout)
    judged = Judged(list(_labels(config.get("Labels") or {})))
    user = str(config.get("User") or "")
    if user.partition(":")[0] in ("", "0", "root"):
        judged.findings.append(("User", f"is {user or 'not set'}: root", "certification-user"))
    if len(layers) > _LAYERS:
        why = f"are {len(layers)}, more than {_LAYERS}"
        judged.findings.append(("layers", why, "certification-layers"))
    files = _read(layout, layers)
    if not any(files.licenses.values()):
        why = "has no file that is not empty"
        judged.findings.append(("/licenses", why, "certification-licenses"))
    judged.findings += [
        ("RPM packages", f"{name} must not be redistributed", "certification-packages")
        for name in files.packages
        if _PROHIBITED.fullmatch(name)
    ]
    if image:
        judged.findings += _name(image)
    judged.notes.append("not judged: whether the base image is one of Red Hat's (UBI)")
    if files.unread:
        judged.notes.append(f"not judged: RPM packages, in a database that {files.unread}")
    return judged


def _opened(layout: Layout) -> tuple[dict[str, Any], list[str]]:
    """The configuration of the first image, and the digests of its layers."""
    try:
        manifest = fitted(layout.get(layout.images()[0]["digest"]), _MANIFEST, lambda *_: None)
        config = fitted(layout.get(manifest["config"]["digest"]), _CONFIG, lambda *_: None)
        return config.get("config", {}), [one["digest"] for one in manifest["layers"]]
    except (LookupError, TypeError, AttributeError):
        raise KopfkitError(
            str(layout.directory), "has no manifest with a configuration and layers"
        ) from None


@contextlib.contextmanager
def pulled(image: str) -> Iterator[Path]:
    """An image of a registry as a layout, gone afterwards. KopfkitError if it cannot be had."""
    with tempfile.TemporaryDirectory(prefix="kopfkit-image-") as place:
        try:
            ociimages.crane("pull", "--format=oci", image, f"{place}/layout", timeout=600)
        except process.CommandFailed as error:
            raise KopfkitError(
                f"image {image}",
                f"cannot be read from its registry\n{process.tail(error.output, 1)}",
                "Check the name, or log in: docker login.",
            ) from None
        yield Path(place) / "layout"


def _labels(labels: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in LABELS:
        if not labels.get(name):
            yield f"Labels[{name}]", "is missing or empty", "certification-labels"
    for name in _TRADEMARKED:
        if infringes(str(labels.get(name) or "")):
            why = f"{labels[name]!r} uses the name Red Hat other than as 'for Red Hat'"
            yield f"Labels[{name}]", why, "certification-trademark"


def infringes(text: str) -> bool:
    """Whether a text uses the name Red Hat in another way than "for Red Hat"."""
    lower = text.lower()
    starts = bool(_STARTS.match(lower))
    others = len(_RED_HAT.findall(lower)) - starts - bool(_FOR.search(lower))
    return starts or others > 0


def _name(image: str) -> Iterator[tuple[str, str, str]]:
    reference, _, digest = image.partition("@")
    repository, _, tag = reference.rpartition("/")[2].partition(":")
    if infringes(repository):
        yield "name", f"{repository!r} uses the name Red Hat", "certification-trademark"
    if not digest and tag in ("", "latest"):
        yield "tag", "is latest, which means another image after the next push", "certification-tag"


@dataclass
class _Files:
    """License files with their sizes, RPM packages, and why these cannot be read."""

    licenses: dict[PurePosixPath, int] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    unread: str = ""


def _read(layout: Layout, layers: list[str]) -> _Files:
    files = _Files()
    for digest in layers:
        try:
            with tarfile.open(layout.blob(digest)) as archive:
                for member in archive:
                    _member(files, archive, member)
        except _DAMAGED as error:
            what = f"{layout.directory}: layer {digest}"
            raise KopfkitError(what, f"cannot be read ({error})") from None
    return files


def _member(files: _Files, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name.removeprefix("./").lstrip("/"))
    # What a layer takes away of those below it (image-spec, layer.md, whiteouts).
    if path.name.startswith(".wh."):
        opaque = path.name == ".wh..wh..opq"
        gone = path.parent if opaque else path.with_name(path.name.removeprefix(".wh."))
        kept = {one: size for one, size in files.licenses.items() if not one.is_relative_to(gone)}
        files.licenses = kept
    elif path.is_relative_to(_LICENSES) and not member.isdir():
        files.licenses[path] = 1 if member.issym() or member.islnk() else member.size
    elif str(path) in _DATABASES and member.isreg():
        data = archive.extractfile(member)
        assert data is not None
        found = _packages(data) if member.size <= _LARGEST else None
        files.packages, files.unread = found or [], "cannot be read" if found is None else ""
    elif str(path) == "var/lib/rpm/Packages":
        files.unread = "is not SQLite's"


def _packages(data: IO[bytes]) -> list[str] | None:
    """The names in RPM's database, which has an index table of them; None if it is damaged."""
    with tempfile.NamedTemporaryFile(suffix=".sqlite") as copy:
        shutil.copyfileobj(data, copy)
        copy.flush()
        try:
            with contextlib.closing(sqlite3.connect(copy.name)) as found:
                # A view of that name could have no end.
                found.set_progress_handler(lambda: 1, _STEPS)
                return [str(one) for (one,) in found.execute("SELECT DISTINCT key FROM Name")]
        except sqlite3.Error:
            return None
