"""docs/how-to/go-operator.md, done as written, in a folder without any project."""

import os
import sys
from pathlib import Path

from walk import Walk

BIN = Path(sys.executable).parent


def test_a_bundle_of_another_sdk_is_checked_simulated_and_put_into_a_graph(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    Walk(folder, {**os.environ, "PATH": path}).follow("how-to/go-operator.md")
