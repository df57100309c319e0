"""The three images of an operator as OCI layouts: from a checkout to a digest, no engine."""

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.image import imageroot, ociimages, operatorfile
from kopfkit.oci import dockerfile
from kopfkit.oci.assembly import Base, Platform

FILES = {
    "operator": "Dockerfile",
    "bundle": "bundle.Dockerfile",
    "catalog": "catalog.Dockerfile",
}
# The Python of the operator's image, which is the base's.
PYTHON = "3.11"


@dataclass(frozen=True)
class Built:
    """An image that was built.

    Attributes:
        directory: its layout.
        digest: what a registry will answer for it.
        bases: the references of the images that it starts from, by platform.
        packages: Debian packages of a base that was made here, as name_version.
    """

    directory: Path
    digest: str
    bases: dict[str, str]
    packages: tuple[str, ...] = ()


def build(
    kind: str,
    checkout: Path,
    output: Path,
    platforms: Sequence[Platform],
    *,
    epoch: int,
    progress: Progress,
    version: str = "",
    base_image: str = "",
) -> Built:
    """Build one image of a checkout for one or several platforms.

    Args:
        kind: operator, bundle or catalog. A bundle holds no program: it is one image for all.
        checkout: its directory, with the generated files of bundle or catalog.
        output: a directory that is not there yet; it appears when the image is complete.
        platforms: to build for. A catalog leaves out (and says so) what it has no base for.
        epoch: the time that is written into the image, in seconds since 1970.
        progress: where the work is shown.
        version: label of the operator's image.
        base_image: of the operator's image; "" for the public one, or one made here.

    Raises:
        KopfkitError: the output exists, a base or package cannot be had, a file is missing.
    """
    if output.exists():
        raise KopfkitError(str(output), "exists", "Remove it, or specify another directory.")
    text = operatorfile.text(checkout) if kind == "operator" else _generated(checkout / FILES[kind])
    arguments = {"VERSION": version} if version else {}
    recipe = dockerfile.read(FILES[kind], text, arguments)
    output.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    wanted = list(platforms)[:1] if kind == "bundle" else list(platforms)
    contexts = dict.fromkeys(wanted, checkout)
    bases: dict[Platform, Base] = {}
    packages: set[str] = set()
    results = None
    try:
        with contextlib.ExitStack() as stack:
            if kind == "operator":
                for one in wanted:
                    contexts[one] = _operator_context(checkout, work, one, epoch, progress)
                    bases[one], names = stack.enter_context(
                        ociimages.python_base(base_image, one, progress)
                    )
                    packages |= set(names)
            elif kind == "catalog":
                for one in wanted:
                    try:
                        bases[one] = stack.enter_context(ociimages.opm_base(one, progress))
                    except KopfkitError as error:
                        # Better a catalog for this machine's platform than no release.
                        if one.architecture == ociimages.native() or len(wanted) == 1:
                            raise
                        progress.say(f"Left out: {error}")
                        del contexts[one]
                user = ociimages.OPM_USER
                results = stack.enter_context(ociimages.catalog_cache(recipe, checkout, user))
            with progress.step(f"Writing the {kind} image"):
                digest = ociimages.build(
                    work / "layout", recipe, contexts, bases, epoch=epoch, results=results
                )
        (work / "layout").rename(output)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    named = {str(one): base.reference for one, base in bases.items()}
    return Built(output, digest, named, tuple(sorted(packages)))


def _generated(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise KopfkitError(
            str(path), f"cannot be read ({error.strerror})", "Generate it: make bundle catalog"
        ) from None


def _operator_context(
    checkout: Path, work: Path, on: Platform, epoch: int, progress: Progress
) -> Path:
    context = work / on.architecture
    with progress.step(f"Building the operator image's root filesystem for {on}"):
        imageroot.build(
            context / "build" / "image",
            checkout,
            python=PYTHON,
            architecture=on.architecture,
            epoch=epoch,
        )
    license = checkout / operatorfile.LICENSE
    if license.is_file():
        shutil.copyfile(license, context / operatorfile.LICENSE)
    return context
