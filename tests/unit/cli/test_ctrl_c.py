"""Ctrl-C at a command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from kopfkit.cli import INTERRUPTED, LazyGroup

PYPROJECT = '[project]\nname = "slow"\n[tool.kopfkit]\nproject = "slow:PROJECT"\n'


SLOW = "import time\nprint('begun', flush=True)\ntime.sleep(600)\n"
# While another error is handled, as where something is tidied up.
TIDYING = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    " + SLOW.replace("\n", "\n    ")


@pytest.mark.parametrize("text", [SLOW, TIDYING])
def test_a_command_that_ctrl_c_ends_exits_with_130_and_no_traceback(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "slow.py").write_text(text)
    program = "from kopfkit.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "manifests"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "begun\n"
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=60)
    assert (command.returncode, told.strip()) == (130, "Aborted!")


@pytest.mark.parametrize(("end", "status"), [(KeyboardInterrupt, INTERRUPTED), (EOFError, 1)])
def test_ctrl_c_at_a_question_is_no_end_of_the_input(
    end: type[BaseException], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: object, **__: object) -> str:
        raise end

    class Asks(LazyGroup):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return ["ask"]

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return click.Command("ask", callback=lambda: click.confirm("Delete them?"))

    monkeypatch.setattr("click.termui.visible_prompt_func", ask)
    with pytest.raises(SystemExit) as ended:
        Asks("kopfkit").main(["ask"])
    assert ended.value.code == status
