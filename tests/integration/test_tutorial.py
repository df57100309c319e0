"""The tutorial as somebody follows it, in a folder outside of any checkout: the chapters that need
no pods. The others are followed in tests/e2e/test_tutorial.py (make test-tutorial).
"""

import os
import sys
from pathlib import Path

import pytest

import pages
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.toolchain import toolchain
from walk import Walk

BIN = Path(sys.executable).parent
CHAPTERS = ("1-operator", "2-project", "3-reconcile", "4-outside", "7-admission", "8-version")


# The fixture's is taken.
CLUSTER = ("export ", "kopfkit cluster ")


class Reader(Walk):
    """Somebody with the packages and the control plane of this run."""

    def prepare(self) -> None:
        """Have make find the project's packages installed."""
        if (self.path / "pyproject.toml").exists():
            (self.path / "build").mkdir(exist_ok=True)
            (self.path / "build" / ".tools").touch()


@pytest.fixture
def reader(control_plane: ControlPlane, tmp_path: Path) -> Reader:
    path = tmp_path / "hello-operator"
    path.mkdir()
    tools = [str(BIN), str(toolchain.tool("kubectl").parent), os.environ["PATH"]]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        "PATH": os.pathsep.join(tools),
        "VIRTUAL_ENV": sys.prefix,
        "PYTEST_ADDOPTS": "",
        "KUBECONFIG": str(control_plane.kubeconfig),
    }
    return Reader(path, environment)


def test_every_chapter_that_needs_no_pods_is_as_it_says(reader: Reader) -> None:
    for chapter in CHAPTERS:
        reader.follow(f"tutorial/{chapter}.md", CLUSTER)
    # What the page of the pytest plugin shows is a test of the tutorial's operator.
    (test,) = pages.blocks((pages.DOCS / "reference/testing.md").read_text("utf-8"), "python")
    (reader.path / "tests" / "test_page.py").write_text(test)
    done = reader.run("python -m pytest tests/test_page.py")
    assert done.returncode == 0, done.stdout
