"""What `kopfkit cluster` prints can be pasted into a shell."""

import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from kopfkit.cli.cluster import cluster
from kopfkit.cluster import manager


@pytest.mark.parametrize("home", ["/home/me", "/home/me and you", "/home/$HOME;true", "/home/o'me"])
def test_the_printed_export_is_one_word_to_a_shell(
    monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    kubeconfig = Path(home) / "kubeconfig"
    started = SimpleNamespace(kind="kind", kubeconfig=kubeconfig, registry="localhost:5001")
    monkeypatch.setattr(manager, "up", lambda *_, **__: started)
    done = CliRunner().invoke(cluster, ["up"])
    assert done.exit_code == 0
    assert "Push images to localhost:5001" in done.output
    assert shlex.split(done.output.splitlines()[-1]) == [
        "export",
        f"KUBECONFIG={home}/kubeconfig",
    ]
