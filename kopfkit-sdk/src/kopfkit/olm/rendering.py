"""What opm makes of an image in a registry: blobs of a file-based catalog.

The image is read from the registry, so no engine is needed; a registry on this machine is asked
over plain HTTP, as Docker does.
"""

import base64
import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.image import digests
from kopfkit.toolchain import toolchain

Blob = dict[str, Any]
# Seconds for one image over a slow line.
_TIMEOUT = 300.0
# A registry on this machine.
_LOCAL = re.compile(r"(localhost|127\.[0-9.]+)(:\d+)?/")


def bundle(image: str, progress: Progress, *, plain: bool = False, insecure: bool = False) -> Blob:
    """The olm.bundle blob of a bundle image; its image is named by digest.

    Args:
        plain: ask the registry over HTTP, wherever it is.
        insecure: do not check the registry's certificate.

    Raises:
        KopfkitError: the image cannot be pulled, or is no bundle.
    """
    try:
        pinned = digests.pin(image)
    except digests.NotThere:
        raise
    except KopfkitError:
        pinned = image  # a registry that wants a login: opm has the user's
    blobs = render(pinned, progress, plain=plain, insecure=insecure)
    if len(blobs) != 1 or blobs[0].get("schema") != "olm.bundle":
        raise KopfkitError(
            f"image {image}", "is not a bundle", "Specify the bundle image, not the catalog's."
        )
    return blobs[0]


def render(
    image: str, progress: Progress, *, plain: bool = False, insecure: bool = False, of: str = ""
) -> list[Blob]:
    """The blobs of a bundle or a catalog: an image, or a directory, whose bundle image is `of`.

    Raises KopfkitError if opm cannot read it.
    """
    tool = toolchain.tool("opm", progress)
    words = ["render", image, "--output=json", "--migrate-level=bundle-object-to-csv-metadata"]
    if plain or _LOCAL.match(image):
        words.append("--use-http")
    if insecure:
        words.append("--skip-tls-verify")
    if of:
        # Only of a bundle that has an image opm takes the objects out, which OLM does not read.
        words.append(f"--alpha-image-ref-template={of}")
    what = f"directory {image}" if Path(image).is_dir() else f"image {image}"
    return _run([str(tool), *words], what, progress)


def objects(image: str, progress: Progress) -> list[dict[str, Any]]:
    """The manifests in a bundle image. Raises KopfkitError if opm cannot read it."""
    tool = toolchain.tool("opm", progress)
    words = ["render", image, "--output=json"]
    if _LOCAL.match(image):
        words.append("--use-http")
    blobs = _run([str(tool), *words], f"image {image}", progress)
    return [
        json.loads(base64.b64decode(one["value"]["data"]))
        for blob in blobs
        for one in blob.get("properties", [])
        if one.get("type") == "olm.bundle.object"
    ]


def template(file: Path, kind: str, progress: Progress) -> list[Blob]:
    """The blobs of one of opm's templates; `kind` is "basic" or "semver".

    Raises KopfkitError if opm refuses it, or an image that it names cannot be read.
    """
    tool = toolchain.tool("opm", progress)
    words = ["alpha", "render-template", kind, str(file), "--output=json"]
    if re.search(r"\b(localhost|127\.[0-9.]+)(:\d+)?/", file.read_text("utf-8")):
        words.append("--use-http")
    return _run([str(tool), *words], str(file), progress)


def _run(argv: list[str], what: str, progress: Progress) -> list[Blob]:
    with progress.step(f"Reading {what.partition(' ')[2] or what}"), _environment() as env:
        try:
            text = process.run(argv, env=env, timeout=_TIMEOUT)
        except process.CommandFailed as error:
            raise KopfkitError(
                what,
                f"cannot be read\n{process.tail(error.output, 3)}",
                "Is it pushed? Are you logged in to its registry?",
            ) from error
    found, decoder = [], json.JSONDecoder()
    text = text.strip()
    while text:
        blob, end = decoder.raw_decode(text)
        found.append(blob)
        text = text[end:].lstrip()
    return found


@contextlib.contextmanager
def _environment() -> Iterator[dict[str, str]]:
    """An environment in which opm reads images. Its library wants a policy for signatures
    (containers-policy.json(5)), which comes with podman; where there is none, it gets the usual
    one, which accepts every image, and the user's logins beside it."""
    home = Path.home()
    places = (home / ".config/containers/policy.json", Path("/etc/containers/policy.json"))
    if any(place.is_file() for place in places):
        yield dict(os.environ)
        return
    with tempfile.TemporaryDirectory(prefix="kopfkit-opm-") as directory:
        root = Path(directory)
        own = root / ".config/containers"
        own.mkdir(parents=True)
        (own / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        for name in (".docker", ".config/containers/auth.json"):
            if (home / name).exists():
                (root / name).symlink_to(home / name)
        yield {**os.environ, "HOME": directory}
