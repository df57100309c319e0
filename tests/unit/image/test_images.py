"""An image's files can be read by the user that its pods run as, whatever the checkout's umask."""

import os
import stat
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.image import images

DOCKERFILE = "FROM scratch\nCOPY bundle/manifests /manifests/\nCOPY one.txt /one.txt\n"


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_what_is_copied_may_be_read_by_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    before = os.umask(umask)
    try:
        (tmp_path / "bundle/manifests/sub").mkdir(parents=True)
        for name in ("one.txt", "bundle/manifests/csv.yaml", "bundle/manifests/sub/run.sh"):
            (tmp_path / name).write_text(name)
        (tmp_path / "bundle/manifests/sub/run.sh").chmod(0o777 & ~umask)
        (tmp_path / "Dockerfile").write_text(DOCKERFILE)
        (tmp_path / ".dockerignore").write_text(".venv\n")
    finally:
        os.umask(before)
    modes: dict[str, int] = {}
    used = []

    def tool(*words: str) -> str:
        used.append(Path(words[-1]))
        for path in (one for name in ("bundle/manifests", "one.txt") for one in _all(name)):
            modes[path.relative_to(used[0]).as_posix()] = stat.S_IMODE(path.stat().st_mode) & 0o055
        return ""

    def _all(name: str) -> list[Path]:
        return [used[0] / name, *(used[0] / name).rglob("*")]

    monkeypatch.setattr(images, "_tool", tool)
    images.build("x:1", tmp_path / "Dockerfile", tmp_path, progress=Progress())
    assert modes == {
        "bundle/manifests": 0o055,
        "bundle/manifests/csv.yaml": 0o044,
        "bundle/manifests/sub": 0o055,
        "bundle/manifests/sub/run.sh": 0o055,
        "one.txt": 0o044,
    }
    # The checkout itself is left as it is.
    closed = stat.S_IMODE((tmp_path / "one.txt").stat().st_mode)
    assert closed == 0o666 & ~umask
    assert (used[0] == tmp_path) == (umask == 0o022)


def test_without_a_dockerignore_the_engine_is_sent_what_is_copied_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one.txt", "bundle/manifests/csv.yaml", ".venv/lib/large.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    sent: list[str] = []

    def tool(*words: str) -> str:
        context = Path(words[-1])
        found = (path for path in context.rglob("*") if path.is_file())
        sent.extend(sorted(path.relative_to(context).as_posix() for path in found))
        return ""

    monkeypatch.setattr(images, "_tool", tool)
    images.build("x:1", tmp_path / "Dockerfile", tmp_path, progress=Progress())
    assert sent == ["bundle/manifests/csv.yaml", "one.txt"]


def test_what_the_registry_says_is_told_when_a_push_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "engine"
    tool.write_text("#!/bin/sh\necho The push refers to x\necho denied: log in first >&2\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("CONTAINER_TOOL", str(tool))
    with pytest.raises(KopfkitError) as caught:
        images.push("registry.example.org/x:1", progress=Progress())
    assert "cannot be pushed" in str(caught.value)
    assert "  | denied: log in first" in str(caught.value)
    assert "[" not in str(caught.value)
