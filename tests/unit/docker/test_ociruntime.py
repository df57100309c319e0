"""The OCI runtime that asks for less, run as the engine runs it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kopfkit.docker import ociruntime

NAMES = st.sampled_from(["CAP_SYS_RESOURCE", "CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_KILL"])
SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
CAPABILITIES = st.dictionaries(st.sampled_from(SETS), st.none() | st.lists(NAMES))
PROCESSES = st.fixed_dictionaries(
    {},
    optional={
        "args": st.lists(st.text()),
        "env": st.lists(st.text()),
        "capabilities": st.none() | CAPABILITIES,
        "oomScoreAdj": st.integers(-1000, 1000),
        "rlimits": st.lists(st.fixed_dictionaries({"type": st.text(), "hard": st.integers()})),
        "user": st.fixed_dictionaries({"uid": st.integers(0, 65535)}),
    },
)


@given(PROCESSES)
def test_nothing_that_needs_the_capability_is_left_and_nothing_else_is_lost(
    process: dict[str, Any],
) -> None:
    before = json.dumps(process)
    less = ociruntime.lessened(process)
    assert json.dumps(process) == before, "the argument is not changed"
    assert "CAP_SYS_RESOURCE" not in json.dumps(less.get("capabilities"))
    assert not {"oomScoreAdj", "rlimits"} & set(less)
    for key in set(process) - {"oomScoreAdj", "rlimits", "capabilities"}:
        assert less[key] == process[key]
    for kind, names in (process.get("capabilities") or {}).items():
        kept = [name for name in names or [] if name != "CAP_SYS_RESOURCE"]
        assert less["capabilities"][kind] == kept
    assert ociruntime.lessened(less) == less


@pytest.fixture
def installed(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The installed program in a directory with a blank in its name, and a PATH with a runc that
    prints what it was given."""
    place = tmp_path / "with blank"
    place.mkdir()
    runc = tmp_path / "runc"
    runc.write_text('#!/bin/sh\necho "$@"\n')
    runc.chmod(0o755)
    return ociruntime.install(place), {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


@pytest.mark.parametrize("command", ["create", "run"])
def test_a_container_is_made_with_less(
    installed: tuple[Path, dict[str, str]], tmp_path: Path, command: str
) -> None:
    program, env = installed
    config = {"process": {"oomScoreAdj": -500, "args": ["x"]}, "hostname": "h"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    words = ["--root", "/r", command, "--bundle", str(tmp_path), "id"]
    told = subprocess.run([program, *words], env=env, capture_output=True, text=True, check=True)
    assert told.stdout.split() == words, "runc gets the command line unchanged"
    left = json.loads((tmp_path / "config.json").read_text())
    assert left == {"process": {"args": ["x"]}, "hostname": "h"}


@pytest.mark.parametrize("joined", [True, False])
def test_a_command_in_a_container_is_run_with_less(
    installed: tuple[Path, dict[str, str]], tmp_path: Path, joined: bool
) -> None:
    program, env = installed
    file = tmp_path / "process.json"
    file.write_text(json.dumps({"args": ["sh"], "rlimits": [{"type": "RLIMIT_NOFILE"}]}))
    option = [f"--process={file}"] if joined else ["--process", str(file)]
    subprocess.run([program, "exec", *option, "id"], env=env, capture_output=True, check=True)
    assert json.loads(file.read_text()) == {"args": ["sh"]}


def test_other_commands_go_through(installed: tuple[Path, dict[str, str]]) -> None:
    program, env = installed
    told = subprocess.run(
        [program, "delete", "--force", "id"], env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout == "delete --force id\n"
