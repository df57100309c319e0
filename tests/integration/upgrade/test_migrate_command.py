"""`kopfkit migrate storage` as people run it, and as something kills it."""

import random
import signal
import subprocess
import sys
from typing import Any

import pytest

# What the console script does.
COMMAND = [sys.executable, "-c", "from kopfkit.cli import main; main()", "migrate", "storage"]


@pytest.fixture
def command(control_plane: Any) -> Any:
    """`command(*arguments)`: the started process."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        argv = [*COMMAND, "--kubeconfig", str(control_plane.kubeconfig), *arguments]
        return subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )

    return start


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def test_killed_at_any_point_it_goes_on_and_ends_with_everything_rewritten(
    hello: Any, command: Any
) -> None:
    hello.fill(40)
    before = hello.content()
    hello.store("v1")
    dice = random.Random(5)
    for _ in range(3):
        done = sum(version == "v1" for version in hello.versions().values())
        goal = done + dice.randrange(1, 8)
        with command(hello.name, "--rate=10") as process:
            hello.eventually(
                lambda goal=goal: sum(one == "v1" for one in hello.versions().values()),
                lambda count, goal=goal: count >= goal,
            )
            process.send_signal(signal.SIGKILL)
            assert end(process)[0] == -signal.SIGKILL
        assert hello.stored() == ["v1alpha1", "v1"]
        assert hello.content() == before
    with command(hello.name, "--rate=0") as process:
        status, output, errors = end(process)
    assert status == 0, errors
    assert f"{hello.name}: " in output
    assert "of 40 objects were rewritten in v1; status.storedVersions is [v1]." in output
    assert "40 of 40 objects" in errors
    assert set(hello.versions().values()) == {"v1"}
    assert hello.stored() == ["v1"]
    assert hello.content() == before
    with command(hello.name) as process:
        status, output, errors = end(process)
    assert (status, output) == (0, f"{hello.name}: all objects are stored in v1 already.\n")


def test_a_dry_run_says_what_would_happen_and_writes_nothing(hello: Any, command: Any) -> None:
    hello.fill(3)
    hello.store("v1")
    before = hello.etcd.revisions(*hello.environment)
    with command(hello.name, "--dry-run", "--to=v1") as process:
        status, output, _ = end(process)
    assert status == 0
    assert output == f"{hello.name}: 3 of 3 objects can be rewritten in v1.\n"
    assert hello.etcd.revisions(*hello.environment) == before
    assert hello.stored() == ["v1alpha1", "v1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to=v2"], "has no version v2"),
        (["--to=v1"], "stores v1alpha1, not v1: objects are always written in the version"),
    ],
)
def test_a_version_that_is_not_stored_is_refused_in_one_message(
    hello: Any, command: Any, arguments: list[str], message: str
) -> None:
    with command(hello.name, *arguments) as process:
        status, output, errors = end(process)
    assert (status, output) == (1, "")
    assert f"error: CRD {hello.name}: {message}" in errors
    assert "hint: " in errors
    assert "Traceback" not in errors
