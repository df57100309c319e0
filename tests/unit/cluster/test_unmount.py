"""What is unmounted when an engine or a half-made root file system goes."""

import os
import subprocess
from pathlib import Path

import pytest

from kopfkit.cluster import debian


def _mount(*words: str | Path) -> None:
    subprocess.run(["mount", *words], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_bind_mount_and_what_is_under_it_go_and_a_disk_of_its_own_stays(tmp_path: Path) -> None:
    bound, disk = tmp_path / "with blank", tmp_path / "disk"
    for place in (bound, disk):
        (place / "below").mkdir(parents=True)
    try:
        _mount("--bind", bound, bound)
        _mount("-t", "tmpfs", "none", bound / "below")
        _mount("-t", "tmpfs", "none", disk)
        debian.unmount(bound)
        debian.unmount(disk)
        assert not os.path.ismount(bound)
        assert not os.path.ismount(bound / "below")
        assert str(bound).replace(" ", "\\040") not in Path("/proc/self/mounts").read_text()
        assert os.path.ismount(disk)
    finally:
        for place in (bound / "below", bound, disk):
            subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
