"""The pages of docs/drills/, done as written in a copy of the repository: how many files a change
takes by hand, and that nothing else has to follow it.

The drill of the next release is made by tests/integration/releasing.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pages
from kopfkit.releasing.rules import git

ROOT = Path(__file__).parents[2]
GENERATED = ("bundle/", "catalog/helloworld-operator/", "chart/", "config/")
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "node_modules", "__pycache__", ".*_cache", ".hypothesis"
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository as a new one, in the environment of these tests."""
    root = tmp_path / "copy"
    shutil.copytree(ROOT, root, ignore=LEFT_OUT, symlinks=True)
    git(root, "init", "--quiet")
    git(root, "add", "-A")
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    git(root, *author, "commit", "--quiet", "--message", "Begin")
    (root / ".venv").symlink_to(sys.prefix)
    # make finds the environment newer than what it is made of.
    for made_of in (*root.glob("requirements/*.txt"), *root.glob("**/pyproject.toml")):
        os.utime(made_of, (0, 0))
    return root


def follow(root: Path, page: str) -> set[str]:
    """Do what the page says; the files that were changed by hand."""
    text = (pages.DOCS / page).read_text("utf-8")
    for patch in pages.blocks(text, "diff"):
        subprocess.run(["git", "apply", "-"], cwd=root, input=patch, text=True, check=True)
    for entry in pages.blocks(text, "yaml"):
        _release(root / "catalog" / "releases.yaml", entry)
    by_hand = changed(root)
    sources = ("operator", "kopfkit/src", "kopfkit-sdk/src")
    code = os.pathsep.join(str(root / name) for name in sources)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "PYTEST_"))}
    for line in pages.lines(page):
        done = pages.run(["bash", "-c", line], root, {**kept, "PYTHONPATH": code})
        assert done.returncode == 0, f"{line}:\n{done.stdout}"
    others = changed(root) - by_hand
    assert others
    assert [each for each in others if not each.startswith(GENERATED)] == []
    return by_hand


def _release(history: Path, entry: str) -> None:
    """Add an entry that follows the newest release, whichever that is by now."""
    before = history.read_text("utf-8")
    newest = re.findall(r"^  - version: (\S+)$", before, re.MULTILINE)[-1]
    entry = re.sub("version: .*", "version: 99.0.0", entry)
    history.write_text(before + re.sub("replaces: .*", f"replaces: {newest}", entry), "utf-8")


def changed(root: Path) -> set[str]:
    lines = git(root, "status", "--porcelain", "--untracked-files=all").splitlines()
    return {line[3:] for line in lines if line[3:] != ".venv"}


@pytest.mark.parametrize(
    ("page", "files"),
    [("drills/field.md", 4), ("drills/version.md", 5), ("drills/child.md", 3)],
)
def test_a_change_takes_no_more_files_by_hand_than_its_page_says(
    copy: Path, page: str, files: int
) -> None:
    by_hand = follow(copy, page)
    assert len(by_hand) <= files, sorted(by_hand)
    python = [str(copy / each) for each in by_hand if each.endswith(".py")]
    for words in (["check"], ["format", "--check"]):
        done = pages.run([f"{sys.prefix}/bin/ruff", *words, *python], copy, os.environ)
        assert done.returncode == 0, done.stdout
