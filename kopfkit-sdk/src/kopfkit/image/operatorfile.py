"""The Dockerfile of an operator's image: the checkout's own, or the one that follows from its
description."""

from pathlib import Path

from kopfkit import project as projects
from kopfkit.errors import KopfkitError
from kopfkit.image import baseimage

NAME = "Dockerfile"
LICENSE = "LICENSE"
# Where the generated one is written for an engine.
GENERATED = Path("build") / NAME


def text(checkout: Path) -> str:
    """The Dockerfile of a checkout.

    Raises:
        KopfkitError: the checkout's own cannot be read, or it has none and no description.
    """
    own = checkout / NAME
    try:
        return own.read_text("utf-8")
    except FileNotFoundError:
        return generated(checkout)
    except (OSError, UnicodeDecodeError) as error:
        raise KopfkitError(str(own), f"cannot be read ({error})") from None


def path(checkout: Path) -> Path:
    """The path of the Dockerfile of a checkout; one that follows from the description is written.

    Raises:
        KopfkitError: as `text`.
    """
    if (checkout / NAME).exists():
        return checkout / NAME
    written = checkout / GENERATED
    content = generated(checkout)
    written.parent.mkdir(exist_ok=True)
    written.write_text(content)
    return written


def generated(checkout: Path) -> str:
    """The Dockerfile that follows from the description: kopfkit's layout of the files on a Python
    base, run as another user than root.

    Raises:
        KopfkitError: the checkout has no description.
    """
    project, module = projects.load(checkout), projects.module(checkout)
    where = f"/opt/{project.name}"
    vendor, summary = _quoted(project.provider.name), _quoted(project.summary)
    maintainer = _quoted(next((one.name for one in project.maintainers), project.provider.name))
    # Where Red Hat's certification looks for it.
    license = f"COPY {LICENSE} /licenses/{LICENSE}\n" if (checkout / LICENSE).is_file() else ""
    return f"""\
ARG BASE_IMAGE={baseimage.PUBLIC_PYTHON}
FROM ${{BASE_IMAGE}}
ARG VERSION=0.0.0
LABEL org.opencontainers.image.title="{project.name}" \\
      org.opencontainers.image.description="{summary}" \\
      org.opencontainers.image.version="${{VERSION}}"
LABEL name="{project.name}" vendor="{vendor}" version="${{VERSION}}" release="1" \\
      summary="{summary}" description="{summary}" maintainer="{maintainer}"
{license}COPY build/image/ {where}/
ENV PYTHONPATH={where} \\
    PYTHONUNBUFFERED=1 \\
    PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["python3", "-m", "{module}"]
CMD ["run"]
"""


def _quoted(text: str) -> str:
    """A label's value, which is quoted as in a shell."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
