"""Ends what a Docker engine that was killed leaves running: the processes of its containers.

They carry no mark of ours, and their shims, once gone, leave them to init. What tells them is their
control group, whose path has the container's id with every driver and version of control groups.
"""

import os
import re
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from kopfkit.host import daemon

# A container's id as Docker names its directories and control groups.
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
# Seconds until all are gone: ending a container's first process ends the others in the kernel.
PATIENCE = 20.0


def containers(data_root: Path) -> set[str]:
    """The ids of the containers that the engine with this data directory has, running or not."""
    try:
        return {entry for entry in os.listdir(data_root / "containers") if _ID.fullmatch(entry)}
    except OSError:
        return set()


def belongs(control_groups: str, ids: Collection[str]) -> bool:
    """Whether a process with this /proc/PID/cgroup (see cgroups(7)) is in one of the containers."""
    return any(found in ids for found in _ID.findall(control_groups))


def processes(ids: Collection[str]) -> list[int]:
    """The pids of all processes in the containers, oldest first."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if belongs((entry / "cgroup").read_text(), ids):
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended meanwhile
    return sorted(found)


def end(ids: Iterable[str]) -> int:
    """Kill every process of the containers; returns how many there were at the first look.

    What cannot be killed within `PATIENCE` seconds (a process in the kernel) is left.
    """
    known = set(ids)
    first = found = processes(known) if known else []
    deadline = time.monotonic() + PATIENCE
    while found and time.monotonic() < deadline:
        daemon.terminate(found, grace=0)
        found = processes(known)
    return len(first)
