"""A bundle in an image, as a directory for as long as it is looked at.

Only what a bundle has is written: regular files below its manifests, metadata and tests, as far as
they are no more than any cluster would take.
"""

import contextlib
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.image import ociimages
from kopfkit.toolchain import toolchain

# Labels of a bundle's image (operator-registry, docs/design/operator-bundle.md) -> the directory
# that a bundle of this checkout has in its place.
_LABELS = {
    "operators.operatorframework.io.bundle.manifests.v1": "manifests",
    "operators.operatorframework.io.bundle.metadata.v1": "metadata",
}
# Bytes of the bundle's files, and their number: the largest public one has 5 MB in 60 files. And
# bytes of all that is in the image, which is read through and not kept.
_SIZE, _FILES, _IMAGE = 64 << 20, 5000, 1 << 30
# Seconds for a slow registry.
_TIMEOUT = 300.0


@contextlib.contextmanager
def unpacked(image: str) -> Iterator[Path]:
    """The bundle's directory, named `bundle`; it is gone afterwards.

    Args:
        image: as a registry has it. A login made with `docker login` holds here.

    Raises:
        KopfkitError: no registry has it, or it is not a bundle's.
    """
    with tempfile.TemporaryDirectory(prefix="kopfkit-bundle-") as place:
        directory = Path(place) / "bundle"
        try:
            config = json.loads(ociimages.crane("config", image, timeout=_TIMEOUT))
            inside = _directories(image, config)
        except process.CommandFailed as error:
            said = error.output.strip().splitlines()
            why = f"cannot be read from its registry: {said[-1] if said else error.why}"
            hint = "Check the name, or log in: docker login."
            raise KopfkitError(f"image {image}", why, hint) from None
        argv = [str(toolchain.tool("crane")), "export", image, "-"]
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            try:
                assert child.stdout is not None
                _write(image, child.stdout, inside, directory)
            finally:
                child.kill()
        yield directory


def _directories(image: str, config: object) -> dict[PurePosixPath, str]:
    """Directory in the image -> directory of the bundle."""
    labels = config.get("config", {}).get("Labels") if isinstance(config, dict) else None
    found = {}
    for label, name in _LABELS.items():
        inside = labels.get(label) if isinstance(labels, dict) else None
        if not inside:
            raise KopfkitError(
                f"image {image}",
                f"is not a bundle's: it has no label {label}",
                "Name the bundle's image, not that of the operator or the catalog.",
            )
        found[_path(inside)] = name
    return {**found, PurePosixPath("tests"): "tests"}


def _write(
    image: str, archive: IO[bytes], inside: dict[PurePosixPath, str], directory: Path
) -> None:
    whole = size = files = 0
    try:
        with tarfile.open(fileobj=archive, mode="r|") as tar:
            for member in tar:
                target = _target(member.name, inside) if member.isfile() else None
                whole += member.size
                if target is not None:
                    size, files = size + member.size, files + 1
                if whole > _IMAGE or size > _SIZE or files > _FILES:
                    raise KopfkitError(
                        f"image {image}",
                        f"is larger than a bundle's: over {_FILES} files, {_SIZE >> 20} MiB of "
                        f"them, or {_IMAGE >> 20} MiB with all else",
                    )
                if target is None:
                    continue
                content = tar.extractfile(member)
                assert content is not None  # it is a regular file
                (directory / target).parent.mkdir(parents=True, exist_ok=True)
                (directory / target).write_bytes(content.read())
    except (tarfile.TarError, OSError, EOFError) as error:
        raise KopfkitError(f"image {image}", f"cannot be unpacked ({error})") from None
    if not (directory / "manifests").is_dir():
        raise KopfkitError(f"image {image}", "has no manifests where its labels say")


def _target(name: str, inside: dict[PurePosixPath, str]) -> Path | None:
    """Where a file of the image goes; None for one that is none of the bundle's."""
    path = _path(name)
    if ".." in path.parts:
        return None
    for top, own in inside.items():
        if path != top and path.is_relative_to(top):
            return Path(own, *path.relative_to(top).parts)
    return None


def _path(text: str) -> PurePosixPath:
    return PurePosixPath(text.strip("/"))
