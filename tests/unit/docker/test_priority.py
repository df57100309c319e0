"""Containers weigh more than one process on a busy machine; tests/e2e/test_cluster.py sees it done
on a real one."""

from pathlib import Path

import pytest

from kopfkit.docker.priority import PROCESSES, prefer_containers


@pytest.mark.parametrize(
    ("files", "file", "one"),
    [
        (["cpu/docker/cpu.shares"], "cpu/docker/cpu.shares", 1024),
        (["cgroup.controllers", "docker/cpu.weight"], "docker/cpu.weight", 100),
    ],
    ids=["version 1", "version 2"],
)
def test_the_group_of_all_containers_weighs_as_many_processes(
    tmp_path: Path, files: list[str], file: str, one: int
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert prefer_containers(tmp_path)
    assert (tmp_path / file).read_text() == str(one * PROCESSES)


@pytest.mark.parametrize("files", [[], ["cgroup.controllers"], ["cpu/other"]])
def test_where_docker_has_no_such_group_nothing_is_done_and_nothing_fails(
    tmp_path: Path, files: list[str]
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert not prefer_containers(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.name.startswith("cpu.")] == []
