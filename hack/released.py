"""Writes what pages show of the releases: `make docs`, and `make release` after it.

That is what the command prints where a page shows `$ kopfkit catalog graph` or `$ make
catalog-graph`, and the number in `kopfkit[controller]==`. With --check nothing is written, and a
page that differs is an error.
"""

import re
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import generatedpage
from helloworld_operator.project import PROJECT
from kopfkit.packaging import graph, historyfile, releases

ROOT = Path(__file__).parent.parent
HOW_TO = ROOT / "docs" / "how-to"
PAGES = (
    ROOT / "README.md",
    ROOT / "README.zh.md",
    HOW_TO / "upgrade-graph.md",
    HOW_TO / "existing-operator.md",
)
_GRAPH = re.compile(
    r"(^\$ (?:kopfkit catalog graph(?: --channel (\S+))?|make catalog-graph)\n).*?(?=^```$)",
    re.M | re.S,
)
_PIN = re.compile(r"(kopfkit\[controller\]==)\S+")


def _graph(command: re.Match[str]) -> str:
    history = historyfile.parse(PROJECT, (ROOT / releases.NAME).read_bytes())
    if command[2]:
        history = replace(history, channels=(command[2],))
    return command[1] + graph.tree(history)


def written(page: str) -> str:
    """The page with the releases as they are now.

    Raises:
        ValueError: nothing of them is in it.
    """
    version = tomllib.loads((ROOT / "kopfkit/pyproject.toml").read_text())["project"]["version"]
    page, graphs = _GRAPH.subn(_graph, page)
    page, pins = _PIN.subn(rf"\g<1>{version}", page)
    if not graphs + pins:
        raise ValueError("shows neither the upgrade graph nor the version of kopfkit")
    return page


if __name__ == "__main__":
    source = f"{releases.NAME} or kopfkit/pyproject.toml"
    sys.exit(max([generatedpage.main(page, written, source, sys.argv[1:]) for page in PAGES]))
