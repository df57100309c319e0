"""Which `kind_cluster` a test gets must not depend on the order in which plugins are found."""

import os
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest

PLUGINS = ("kopfkit.testing.plugin", "pytest_kind.plugin")


@pytest.mark.parametrize("order", list(permutations(PLUGINS)), ids=" then ".join)
def test_the_cluster_is_ours_in_any_order_of_the_plugins(
    order: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "test_x.py").write_text("def test_x(kind_cluster): pass\n")
    chosen = [f"-p{plugin}" for plugin in order]

    shown = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *chosen,
            "--setup-plan",
            "--fixtures-per-test",
            "test_x.py",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    ).stdout

    assert "kopfkit/testing/kind.py" in shown.replace(os.sep, "/"), shown
    assert "A kind cluster with OLM and a registry of its own" in shown
