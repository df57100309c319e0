"""The version number where it stands in a checkout: pyproject files and `__version__`."""

import re
import tomllib
from pathlib import Path

from kopfkit.errors import KopfkitError

# In the table [project]: other tables may have a version of something else.
_PROJECT = re.compile(
    r'(^\[project\][^\n]*\n(?:(?!\[)[^\n]*\n)*?version\s*=\s*")([^"]+)(")', re.MULTILINE
)
# A distribution of the workspace that needs another of it in the same version.
_PIN = r'("{name}(?:\[[^\]"]*\])?==)[^"]+(")'
_MODULE = re.compile(r'^(__version__\s*=\s*")([^"]+)(")', re.MULTILINE)


def places(root: Path) -> dict[str, re.Pattern[str]]:
    """Path below the checkout -> how the number is written there.

    The root's pyproject.toml unless its version is dynamic, those of the members of its uv
    workspace, and each package's `__init__.py` that has a `__version__`. Raises KopfkitError if a
    file cannot be read.
    """
    found: dict[str, re.Pattern[str]] = {}
    try:
        settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        if "version" not in settings.get("project", {}).get("dynamic", []):
            found["pyproject.toml"] = _PROJECT
        tool = settings.get("tool", {})
        for member in tool.get("uv", {}).get("workspace", {}).get("members", []):
            found[f"{member}/pyproject.toml"] = _PROJECT
        wheel = tool.get("hatch", {}).get("build", {}).get("targets", {}).get("wheel", {})
        for package in wheel.get("packages", []):
            path = root / package / "__init__.py"
            if path.is_file() and _MODULE.search(path.read_text("utf-8")):
                found[f"{package}/__init__.py"] = _MODULE
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise KopfkitError("pyproject.toml", f"cannot be read ({error})") from None
    return found


def bumped(root: Path, version: str) -> dict[str, str]:
    """Path -> text of the files, with the version in them, and in what one distribution of the
    workspace asks for of another. Raises KopfkitError if a file has no version."""
    texts = {}
    names = _names(root)
    for path, pattern in places(root).items():
        text = (root / path).read_text("utf-8")
        changed, count = pattern.subn(rf"\g<1>{version}\g<3>", text, count=1)
        if not count:
            raise KopfkitError(path, "has no version line to change")
        for name in names:
            pin = _PIN.format(name=re.escape(name))
            changed = re.sub(pin, rf"\g<1>{version}\g<2>", changed)
        texts[path] = changed
    return texts


def _names(root: Path) -> list[str]:
    files = [root / path for path in places(root) if path.endswith("pyproject.toml")]
    return [tomllib.loads(file.read_text("utf-8"))["project"]["name"] for file in files]
