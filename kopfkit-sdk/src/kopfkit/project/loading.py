"""Finds the description of the operator in whose checkout a command is run."""

import contextlib
import importlib
import sys
import tomllib
import traceback
from collections.abc import Iterator
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


def module(root: Path | None = None) -> str:
    """The package that `[tool.kopfkit] project` names: what `python -m` runs."""
    home = find_root(root)
    reference = (_settings(home / "pyproject.toml") or {}).get("project")
    return reference.partition(":")[0].partition(".")[0] if isinstance(reference, str) else ""


def load(root: Path | None = None) -> Project:
    """The Project that `[tool.kopfkit] project` names; KopfkitError if it cannot be had.

    It need not be installed: the directory of pyproject.toml is looked into, too.
    """
    home = find_root(root)
    pyproject = home / "pyproject.toml"
    reference = (_settings(pyproject) or {}).get("project")
    module, _, attribute = reference.partition(":") if isinstance(reference, str) else ("", "", "")
    if not module or not attribute:
        raise KopfkitError(str(pyproject), f"[tool.kopfkit] project is {reference!r}", CURE)
    what = f"project {reference}"
    try:
        with _importable(home):
            project = getattr(importlib.import_module(module), attribute, None)
    except KopfkitError:
        raise  # it says itself what is wrong with the description
    except ModuleNotFoundError as error:
        if len((_settings(pyproject) or {}).get("commands", "no scaffold")) == 1:
            raise KopfkitError(
                what,
                "has no API yet",
                "Create one: kopfkit create api --group GROUP --version v1alpha1 --kind KIND",
            ) from None
        raise KopfkitError(
            what,
            f"cannot be imported ({error})",
            "Install the operator and what it needs into this environment (pip install -e .).",
        ) from None
    except Exception as error:
        place = _place(error, home)
        raise KopfkitError(what, f"{place}: {type(error).__name__}: {_text(error)}") from error
    if not isinstance(project, Project):
        raise KopfkitError(what, "is not a kopfkit.project.Project", CURE)
    return project


@contextlib.contextmanager
def _importable(directory: Path) -> Iterator[None]:
    """Behind everything else, so that nothing is hidden by a file of the checkout."""
    before = [*sys.path]
    sys.path.append(str(directory))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def _place(error: Exception, home: Path) -> str:
    """File and line in the checkout where it went wrong."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(home)]
    last = (own or frames)[-1]
    return f"{last.filename}:{last.lineno}"


def _text(error: Exception) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)
