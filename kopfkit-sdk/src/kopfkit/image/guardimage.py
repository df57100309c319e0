"""The image of the conversion guard: a Python, kopfkit's run-time distribution, and what that
requires. It has nothing of any operator, so one image serves all."""

import importlib.metadata
import tempfile
from pathlib import Path
from typing import Final

from kopfkit.admission import guard
from kopfkit.docker import engines
from kopfkit.host.progress import Progress
from kopfkit.image import baseimage, imagelock, imageroot, images, ociimages

PYTHON: Final = "3.11"  # the base image's
_WHERE: Final = "/opt/kopfkit-guard"


def build(tag: str, progress: Progress, *, base_image: str = "") -> None:
    """Build the image `tag` for this machine's architecture.

    Args:
        tag: the image's name, with a tag.
        base_image: with Python 3.11; "" for the public one, or one made here.

    Raises:
        KopfkitError: a package or the base cannot be had, or the build failed.
    """
    with tempfile.TemporaryDirectory(prefix="kopfkit-guard-image-") as place:
        context = Path(place)
        with progress.step("Locking the guard's packages"):
            lock = context / imageroot.LOCK
            lock.parent.mkdir()
            lock.write_text(imagelock.resolve(requirements(), PYTHON, constraints=constraints()))
        if (own := source()) is not None:
            (context / "kopfkit").symlink_to(own)
        with progress.step("Building the guard image's root filesystem"):
            imageroot.build(
                context / "root", context, python=PYTHON, architecture=ociimages.native()
            )
        (context / "Dockerfile").write_text(dockerfile())
        arguments = {"BASE_IMAGE": base_image} if base_image else {}
        if images.container_tool() == "docker" and not base_image:
            arguments["BASE_IMAGE"] = baseimage.ensure(engines.ensure(progress), progress)
        images.build(tag, context / "Dockerfile", context, progress=progress, arguments=arguments)


def dockerfile() -> str:
    """Its Dockerfile."""
    version = importlib.metadata.version("kopfkit")
    return f"""\
ARG BASE_IMAGE={baseimage.PUBLIC_PYTHON}
FROM ${{BASE_IMAGE}}
LABEL org.opencontainers.image.title="kopfkit-guard" \\
      org.opencontainers.image.description="Keeps the conversion of CRDs through upgrades by OLM" \\
      org.opencontainers.image.version="{version}" \\
      org.opencontainers.image.licenses="Apache-2.0"
COPY root/ {_WHERE}/
ENV PYTHONPATH={_WHERE} \\
    PYTHONUNBUFFERED=1 \\
    PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["python3", "-m", "{guard.MODULE}"]
"""


def requirements() -> list[str]:
    """What pip has to install: kopfkit unless its source is here, and what it requires."""
    found = [] if source() else [f"kopfkit=={importlib.metadata.version('kopfkit')}"]
    needed = importlib.metadata.requires("kopfkit") or []
    return [*found, *(line for line in needed if "extra ==" not in line)]


def constraints() -> list[str]:
    """The versions of this environment, so that the same environment gives the same image."""
    found = ((one.metadata["Name"], one.version) for one in importlib.metadata.distributions())
    return sorted({f"{name}=={version}" for name, version in found if name})


def source() -> Path | None:
    """The directory that the running kopfkit is imported from, with its pyproject.toml; None where
    it was installed from a wheel."""
    place = Path(guard.__file__).resolve().parents[3]
    return place if (place / "pyproject.toml").is_file() and (place / "src").is_dir() else None
