"""Ctrl-C in the middle of an installation: what stays on the cluster, and how to remove it."""

import shlex
from pathlib import Path

import pytest

from kopfkit.cli import kopfkit as command
from kopfkit.cli.subscription import tell_left, way_back


@pytest.mark.parametrize("kubeconfig", [None, Path("/home/a user/config")])
def test_the_way_back_is_a_command_that_there_is(
    kubeconfig: Path | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        way_back("teapots", "tea", "kopfkit", kubeconfig, ["unsubscribe", "--package", "teapots"]),
    ):
        raise KeyboardInterrupt
    said = capsys.readouterr().err

    assert "stay on the cluster" in said
    program, *words = shlex.split(said.rpartition("To remove them: ")[2])
    assert program == "kopfkit"
    expected = ["--name", "kopfkit"] if kubeconfig is None else ["--kubeconfig", str(kubeconfig)]
    assert words[-2:] == expected
    # The command takes them.
    context = command.make_context("kopfkit", words)
    unsubscribe = command.get_command(context, words[0])
    assert unsubscribe is not None
    unsubscribe.make_context(words[0], words[1:])


def test_what_stays_after_a_removal_is_named_with_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell_left([])
    tell_left(["namespace/tea", "clusterrole/teapot-viewer"])

    assert capsys.readouterr().out == (
        "These stay: namespace/tea, clusterrole/teapot-viewer "
        "(kubectl delete namespace/tea clusterrole/teapot-viewer).\n"
    )
