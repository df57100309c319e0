"""docs/reference/testing.md has every fixture and option of the pytest plugin, and no other."""

import re
from pathlib import Path

from kopfkit.testing import kind, plugin

PAGE = (Path(__file__).parents[3] / "docs/reference/testing.md").read_text("utf-8")


class Options:
    """Keeps the options that a plugin adds."""

    def __init__(self) -> None:
        self.added: dict[str, str] = {}

    def addini(self, name: str, _help: str, _kind: str = "", *, default: object) -> None:
        """What pytest calls Parser.addini."""
        self.added[name] = str(default).lower()


def rows(section: str) -> dict[str, str]:
    """The first two columns of a section's first table."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table is not None
    return dict(re.findall(r"^\| `(\w+)` \| `?(\w+)`? \|", table[0], re.MULTILINE))


def test_the_page_has_every_fixture_with_its_scope() -> None:
    found = {}
    for module in (plugin, kind):
        for name, value in vars(module).items():
            if isinstance(value, type(plugin.api)) and name[0] != "_":
                found[name] = value._fixture_function_marker.scope
    assert rows("Fixtures") == found


def test_the_page_has_every_option_with_its_default() -> None:
    options = Options()
    plugin.pytest_addoption(options)  # type: ignore[arg-type]
    assert rows("Options") == options.added


def test_the_page_has_the_variable_of_the_cluster() -> None:
    assert f"| `{kind.VARIABLE}` |" in PAGE
