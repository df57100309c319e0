"""Finds the description of the operator in whose checkout a command is run."""

import importlib
import tomllib
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.project.model import Project

CURE = 'Add [tool.kopfkit] with project = "package.module:ATTRIBUTE" to pyproject.toml.'


def _settings(pyproject: Path) -> dict[str, Any] | None:
    try:
        settings = tomllib.loads(pyproject.read_text("utf-8")).get("tool", {}).get("kopfkit")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KopfkitError(str(pyproject), f"cannot be read ({error})") from None
    return settings if isinstance(settings, dict) else None


def find_root(start: Path | None = None) -> Path:
    """The directory, `start` (default: the current one) or above it, whose pyproject.toml has a
    [tool.kopfkit] table. KopfkitError if there is none."""
    here = (start or Path.cwd()).resolve()
    for directory in (here, *here.parents):
        pyproject = directory / "pyproject.toml"
        if pyproject.is_file() and _settings(pyproject) is not None:
            return directory
    raise KopfkitError(
        str(here), "no pyproject.toml here or above has a [tool.kopfkit] table", CURE
    )


def load(root: Path | None = None) -> Project:
    """The Project that `[tool.kopfkit] project` names; KopfkitError if it cannot be had."""
    pyproject = find_root(root) / "pyproject.toml"
    reference = (_settings(pyproject) or {}).get("project")
    module, _, attribute = reference.partition(":") if isinstance(reference, str) else ("", "", "")
    if not module or not attribute:
        raise KopfkitError(str(pyproject), f"[tool.kopfkit] project is {reference!r}", CURE)
    try:
        project = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        raise KopfkitError(
            f"project {reference}",
            f"cannot be imported ({error})",
            "Install the operator into this environment (pip install -e .).",
        ) from None
    if not isinstance(project, Project):
        raise KopfkitError(f"project {reference}", "is not a kopfkit.project.Project", CURE)
    return project
