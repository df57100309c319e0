"""Docker engines: which image registry is asked, what is left of a killed one, where ours lives."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kopfkit.docker import debian, leftovers, ownengine, reach
from kopfkit.docker.engine import Engine
from kopfkit.errors import KopfkitError
from kopfkit.host import paths, process
from kopfkit.host.progress import Progress

ID = "09a9337eebf67e101434765cd6e81d3779ba797aa032da9ad2a38891f300853a"


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("docker.io/kindest/node:v1.34.4", "docker.io"),
        ("kindest/node:v1", "docker.io"),
        ("busybox", "docker.io"),
        ("localhost/x", "localhost"),
        ("localhost:5001/a/b:v1", "localhost:5001"),
        ("quay.example/x@sha256:0", "quay.example"),
    ],
)
def test_the_registry_is_read_from_the_image(image: str, registry: str) -> None:
    assert reach.registry_of(image) == registry


@pytest.fixture
def silent() -> Iterator[str]:
    """host:port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()


@pytest.fixture
def pulls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An engine without images whose pulls fail; the words of its pulls."""
    asked: list[str] = []

    def run(argv: list[str], **_: object) -> str:
        if argv[1] == "pull":
            asked.append(argv[-1])
        raise process.CommandFailed(argv, "failed", "")

    monkeypatch.setattr("kopfkit.docker.engine._client", lambda: "docker")
    monkeypatch.setattr("kopfkit.docker.engine.process.run", run)
    return asked


def test_a_registry_that_never_answers_is_given_up_without_a_pull(
    silent: str, pulls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "TIMEOUT", 0.1)
    assert not Engine("unix:///x", own=True).pull(f"{silent}/a:1")
    assert pulls == []


def test_a_refusal_is_remembered_until_it_is_asked_to_forget(
    pulls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(None, own=False)
    monkeypatch.delenv(reach.VARIABLE, raising=False)
    for _ in range(2):
        assert not engine.pull("quay.example/a:1")
    assert pulls == ["quay.example/a:1"]
    monkeypatch.setenv(reach.VARIABLE, "1")
    engine.pull("quay.example/a:1")
    assert len(pulls) == 2
    monkeypatch.delenv(reach.VARIABLE)
    monkeypatch.setattr(reach, "MEMORY", 0.0)
    engine.pull("quay.example/a:1")
    assert len(pulls) == 3


def test_a_pull_that_succeeds_takes_the_refusal_back() -> None:
    reach.remember("a", given=False)
    reach.remember("b", given=False)
    reach.remember("a", given=True)
    assert not reach.refused("a")
    assert reach.refused("b")


def test_a_damaged_memory_is_like_none() -> None:
    (paths.cache_dir() / "refused.json").write_text("{")
    assert not reach.refused("a")


@pytest.mark.parametrize(
    "control_group",
    [
        f"9:name=systemd:/docker/{ID}/kubelet.slice/kubelet.service\n8:pids:/\n",
        f"0::/system.slice/docker-{ID}.scope\n",
        f"0::/docker/{ID}/kubelet.slice/kubepods.slice/cri-containerd-{'0' * 64}.scope\n",
    ],
)
def test_a_process_is_a_containers_by_its_control_group(control_group: str) -> None:
    assert leftovers.belongs(control_group, {ID})
    assert not leftovers.belongs(control_group, {"f" * 64})


def test_a_process_outside_of_containers_is_nobodys() -> None:
    assert not leftovers.belongs("0::/user.slice/user-0.slice\n8:pids:/\n", {ID})
    assert leftovers.end([]) == 0


def test_containers_are_read_from_the_engines_directory(tmp_path: Path) -> None:
    assert leftovers.containers(tmp_path) == set()
    for name in (ID, "tmp-x"):
        (tmp_path / "containers" / name).mkdir(parents=True)
    assert leftovers.containers(tmp_path) == {ID}


def test_a_state_directory_too_deep_for_sockets_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOPFKIT_STATE_DIR", str(tmp_path / ("x" * 100)))
    with pytest.raises(KopfkitError, match="too long") as refused:
        ownengine.start(Progress())
    assert "KOPFKIT_STATE_DIR" in refused.value.hint
    assert not ownengine.directory().exists()


TARGETS = """\
http://mirror.example/debian-security/|Debian|bookworm-security
http://mirror.example/debian/|Debian|bookworm
http://mirror.example/debian/|Debian|bookworm
http://mirror.example/debian-security/|Debian|bookworm-security
http://other.example/repo/|Other|stable
"""
# apt before its first update: addresses without origin and code name.
EMPTY = """\
http://mirror.example/debian-security/||
http://mirror.example/debian||
"""


@pytest.mark.parametrize("listed", [TARGETS, EMPTY])
def test_the_mirror_is_the_one_that_apt_uses(listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kopfkit.docker.debian.process.run", lambda argv: listed)
    assert debian.mirror().rstrip("/") == "http://mirror.example/debian"


def test_without_a_mirror_the_message_says_where_to_add_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "kopfkit.docker.debian.process.run", lambda argv: "http://other.example/r|Other|stable\n"
    )
    with pytest.raises(KopfkitError, match="apt has none") as missing:
        debian.mirror()
    assert "sources.list" in missing.value.hint
