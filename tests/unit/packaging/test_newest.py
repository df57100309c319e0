"""The Makefile takes the newest release from the history by its meaning, not by its layout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HISTORY = """\
releases:
  # - version: 9.9.9
  - {date: "2026-01-01", version: 0.1.0, channels: [stable], served: [v1alpha1], stored: v1alpha1}
  - date: 2026-01-02
    channels: [stable]
    "version": 0.2.0  # the newest
    replaces: 0.1.0
    served: [v1alpha1]
    stored: v1alpha1
package: helloworld-operator
defaultChannel: stable
channels: [stable]
"""


def test_the_newest_release_is_the_last_whatever_the_order_of_keys(
    tmp_path: Path, root: Path
) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/releases.yaml").write_text(HISTORY)
    shutil.copy(root / "pyproject.toml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", "from kopfkit.cli import main; main()", "release", "newest"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0.2.0\n", "")


@pytest.mark.parametrize("answer", ["echo 7.8.9", "exit 1"])
def test_the_makefile_asks_kopfkit_once(tmp_path: Path, root: Path, answer: str) -> None:
    program = tmp_path / "bin/kopfkit"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{answer}\n')
    program.chmod(0o755)
    (tmp_path / ".complete").touch()
    done = subprocess.run(
        ["make", "--dry-run", f"VENV={tmp_path}", "manifests", "docker-build", "docker-push"],
        cwd=root,
        # Without what a make gives to those that it starts: make release VERSION=0.5.0 runs this.
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (tmp_path / "asked").read_text() == "release newest\n"
    if answer == "exit 1":
        assert "catalog/releases.yaml names no release" in done.stderr
    else:
        assert "--version" not in next(
            line for line in done.stdout.splitlines() if "manifests" in line
        )
        assert done.stdout.count("helloworld-operator:v7.8.9") == 2
