"""Completion, as bash itself asks for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kopfkit.cli import kopfkit

BIN = Path(sys.executable).parent


def completed(*words: str) -> set[str]:
    """What bash offers after these words."""
    line = " ".join(words)
    script = (
        "source <(kopfkit completion bash)\n"
        f"COMP_WORDS=({line} '')\n"
        f"COMP_CWORD={len(words)}\n"
        "_kopfkit_completion kopfkit '' ''\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    return {*done.stdout.split()}


def test_bash_offers_commands_and_what_is_below_them() -> None:
    assert {"init", "bundle", "catalog", "completion"} <= completed("kopfkit")
    assert {"generate", "validate"} <= completed("kopfkit", "bundle")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_for_kopfkit(shell: str) -> None:
    done = CliRunner().invoke(kopfkit, ["completion", shell])
    assert done.exit_code == 0, done.output
    assert "_KOPFKIT_COMPLETE" in done.output
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.output, text=True, check=True)


def test_another_shell_is_refused_with_those_that_are_known() -> None:
    done = CliRunner().invoke(kopfkit, ["completion", "tcsh"])
    assert done.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in done.output
