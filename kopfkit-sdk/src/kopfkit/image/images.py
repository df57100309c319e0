"""Images: built by a container tool and pushed to the registry that their name says.

The tool is Docker, or what CONTAINER_TOOL names. Where this machine's engine is one that kopfkit
started, the tool is pointed at it.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from kopfkit.docker import context as contexts
from kopfkit.docker import engines
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.oci import dockerfile as recipes


def container_tool() -> str:
    """The program that builds and pushes: $CONTAINER_TOOL, docker unless set."""
    return os.environ.get("CONTAINER_TOOL") or "docker"


def build(
    tag: str,
    dockerfile: Path,
    context: Path,
    *,
    progress: Progress,
    arguments: Mapping[str, str] | None = None,
) -> None:
    """Build the image `tag` from a Dockerfile.

    Args:
        tag: the image's name with its tag.
        dockerfile: path of the Dockerfile.
        context: the directory that its COPY lines refer to.
        progress: where the build's current step is shown.
        arguments: values for the Dockerfile's ARG lines.

    Raises:
        KopfkitError: no such Dockerfile, no engine, or the build failed (with the output's end).
    """
    if not dockerfile.is_file():
        raise KopfkitError(str(dockerfile), "does not exist", "Generate it first: make bundle.")
    words = [f"--build-arg={key}={value}" for key, value in (arguments or {}).items()]
    with (
        progress.step(f"Building {tag}"),
        contexts.readable(context, _copied(dockerfile, arguments or {})) as opened,
    ):
        _tool("build", "--file", str(dockerfile), "--tag", tag, *words, str(opened))


def _copied(dockerfile: Path, arguments: Mapping[str, str]) -> list[str]:
    """What is copied from the context; nothing of a Dockerfile that only an engine can read."""
    try:
        text = dockerfile.read_text("utf-8")
        recipe = recipes.read(str(dockerfile), text, arguments)
    except (KopfkitError, UnicodeDecodeError):
        return []
    return [source for source, _ in recipe.copies]


def push(tag: str, *, progress: Progress) -> None:
    """Push the image `tag`. Raises KopfkitError if it does not exist or the registry refuses it."""
    with progress.step(f"Pushing {tag}"):
        try:
            _tool("push", tag)
        except process.CommandFailed as error:
            raise KopfkitError(
                f"image {tag}",
                f"cannot be pushed\n{process.tail(error.output)}",
                "Is it built (make docker-build bundle-build catalog-build), does the registry run "
                "(kopfkit cluster status), are you logged in to it?",
            ) from error


def _tool(*arguments: str) -> str:
    tool = container_tool()
    if tool == "docker":
        return engines.ensure(Progress()).docker(*arguments)
    if shutil.which(tool) is None:
        raise KopfkitError(
            f"CONTAINER_TOOL={tool}", "is not on PATH", "Install it, or set CONTAINER_TOOL=docker."
        )
    return process.run([tool, *arguments])
