"""What is unmounted when an engine or a half-made root file system goes."""

from pathlib import Path

from kopfkit.docker import debian

# Captured from a killed engine, the paths replaced: the data directory is bound to itself.
TABLE = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/root rw
40 22 254:0 /c\040x/docker /c\040x/docker rw,relatime - ext4 /dev/root rw
41 40 0:50 / /c\040x/docker/overlay2/1/merged rw,relatime - overlay overlay rw,lowerdir=l/A
42 41 0:51 / /c\040x/docker/overlay2/1/merged/proc rw - proc proc rw
43 22 0:52 / /c\040x/docker-of-another rw - tmpfs none rw
44 22 8:1 / /disk rw - ext4 /dev/sda1 rw
45 44 0:53 / /disk/below rw - tmpfs none rw
""".strip()


def test_what_is_under_a_bind_mount_goes_before_it_and_its_neighbour_stays() -> None:
    assert debian.mounted(Path("/c x/docker"), TABLE) == [
        "/c x/docker/overlay2/1/merged/proc",
        "/c x/docker/overlay2/1/merged",
        "/c x/docker",
    ]


def test_a_disk_mounted_there_by_somebody_stays() -> None:
    assert debian.mounted(Path("/disk"), TABLE) == ["/disk/below"]


def test_this_machines_table_is_read() -> None:
    debian.unmount(Path("/no/such/place"))
