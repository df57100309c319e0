"""docs/how-to/new-operator.md as somebody follows it, in a folder outside of any checkout."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import pages
from kopfkit.controlplane.controlplane import ControlPlane

PAGE = "how-to/new-operator.md"
BIN = Path(sys.executable).parent


def commands(section: str) -> list[list[str]]:
    """The commands of a section of the page."""
    return [shlex.split(line) for line in pages.lines(PAGE, section)]


class Folder:
    """A folder to work in, with the commands of this environment."""

    def __init__(self, path: Path, kubeconfig: str) -> None:
        found = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        self.path = path
        self._environment = {**found, "KUBECONFIG": kubeconfig, "PYTEST_ADDOPTS": ""}

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return pages.run(command, self.path, self._environment)

    def check(self, *command: str) -> str:
        """Run a command that has to succeed; its output."""
        done = self.run(*command)
        assert done.returncode == 0, f"{shlex.join(command)}:\n{done.stdout}"
        return done.stdout


@pytest.fixture
def folder(tmp_path: Path, control_plane: ControlPlane) -> Folder:
    return Folder(tmp_path, str(control_plane.kubeconfig))


@pytest.mark.parametrize(("style", "tests"), [("reconcile", 9), ("handlers", 7)])
def test_a_new_project_is_complete_and_its_second_version_asks_for_a_conversion(
    folder: Folder, style: str, tests: int
) -> None:
    for command in commands(""):
        styled = ["--style", style] if command[1] == "init" and command[0] == "kopfkit" else []
        folder.check(*command, *styled)
    # A second kind, and one whose objects live in no namespace.
    tier = ("--group", "cache", "--version", "v1alpha1", "--kind", "Tier", "--cluster-scoped")
    folder.check("kopfkit", "create", "api", *tier)
    # A webhook where nothing is converted.
    for command in commands("Admission"):
        folder.check(*command)
    for generated in ("manifests", "bundle generate", "bundle validate"):
        folder.check("kopfkit", *generated.split())
    folder.check("ruff", "check")
    folder.check("ruff", "format", "--check")
    folder.check("mypy")
    # Its own control plane and operator are started by its own fixtures.
    assert f"{tests} passed" in folder.check("pytest", "-q")

    for command in commands("A second version"):
        folder.check(*command)
    folder.check("ruff", "check")
    folder.check("mypy")
    failing = folder.run("pytest", "-q", "tests/test_memcached_conversion.py")
    assert failing.returncode == 1, failing.stdout
    assert "memcached_conversion.py" in failing.stdout

    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.com")
    folder.check(*git, "add", ".")
    folder.check(*git, "commit", "--quiet", "-m", "x")
    for command in commands("A newer kopfkit"):
        folder.check(*command)
    assert folder.check("git", "status", "--short") == ""
