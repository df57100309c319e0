"""The site of docs/ by its own conf.py, of few pages: what the build refuses, and what it makes.

`make test` installs what this needs; CI builds the whole site too (`make site`).
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "build/docs-packages"

pytestmark = pytest.mark.skipif(
    not (PACKAGES / ".complete").exists(), reason="Sphinx is not installed; hint: make site"
)


class Site:
    """A repository with a few pages.

    Args:
        root: its folder.
    """

    def __init__(self, root: Path) -> None:
        self.docs, self.html = root / "docs", root / "site"
        for name in ("_static", "_templates"):
            shutil.copytree(ROOT / "docs" / name, self.docs / name)
        shutil.copy(ROOT / "docs/conf.py", self.docs)
        self.write("../hack/api.py", 'PUBLIC = {"kopfkit": ("kopfkit.errors",)}\n')
        self.write("reference/index.md", "# Reference\n")
        self.write("index.md", "# Pages\n\n```{toctree}\n:glob:\n\n*\n*/*\n*/*/*\n```\n")

    def write(self, name: str, text: str) -> None:
        """Write a page, or another file."""
        path = self.docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def build(self) -> "subprocess.CompletedProcess[str]":
        """Build it as `make site` does."""
        found = os.pathsep.join([str(PACKAGES), os.environ.get("PYTHONPATH", "")])
        options = ("--fail-on-warning", "--keep-going", "--quiet")
        return subprocess.run(
            [sys.executable, "-m", "sphinx", *options, self.docs, self.html],
            env={**os.environ, "PYTHONPATH": found},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_broken_link_is_refused_and_named(site: Site) -> None:
    links = ("gone.md", "index.md#gone", "../Gonefile", "#nowhere")
    site.write("page.md", "# Page\n\n" + "\n".join(f"[x]({link})" for link in links))

    done = site.build()

    assert done.returncode == 1, done.stdout
    for link in ("'gone.md'", "'gone'", "../Gonefile does not exist", "'nowhere'"):
        assert link in done.stdout, done.stdout
    assert "docs/page.md:3:" in done.stdout


def test_pages_are_complete_and_need_no_other_server(site: Site) -> None:
    site.write("../Makefile", "")
    page = "# Page\n\n## A part\n\n[a](../Makefile) [b](#a-part) [c](index.md#pages)\n"
    site.write("page.md", page)
    site.write("zh/page.md", page.replace("../", "../../").replace("index.md", "../index.md"))

    done = site.build()

    assert (done.returncode, done.stdout) == (0, "")
    english, chinese = (site.html / name for name in ("page.html", "zh/page.html"))
    for text in (english.read_text(), chinese.read_text()):
        assert 'href="https://example.com/helloworld-operator/tree/main/Makefile"' in text
        assert re.findall(r'(?:src|<link[^>]* href)="(?:https?:)?//', text) == []
    assert 'href="zh/page.html" hreflang="zh-CN"' in english.read_text()
    assert '<html class="no-js" lang="zh-CN"' in chinese.read_text()
    assert 'href="../page.html" hreflang="en"' in chinese.read_text()
    described = (site.html / "reference/python/kopfkit.errors.html").read_text()
    assert "kopfkit.errors.KopfkitError" in described
    for style in site.html.rglob("*.css"):
        assert re.findall(r"@import|url\(['\"]?(?:https?:)?//", style.read_text()) == [], style
