"""The real promtool."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.toolchain import toolchain


@pytest.fixture(scope="session")
def promtool() -> Callable[..., str]:
    """Runs promtool (`stdin`: what it reads there); returns what it prints, and fails with that."""
    try:
        tool = toolchain.tool("promtool")
    except KopfkitError as error:
        pytest.skip(f"no promtool: {error}")

    def run(*arguments: str | Path, stdin: str = "") -> str:
        done = subprocess.run(
            [tool, *arguments], input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
