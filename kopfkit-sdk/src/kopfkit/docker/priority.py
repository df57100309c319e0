"""The share of the processors that containers get on a busy machine.

The kernel shares out processor time between the members of a control group: to it all containers
together, which are below one group, are a single process beside every other one of the machine
(kernel, scheduler/sched-design-CFS.rst, group scheduling). With a dozen busy processes beside it
the etcd of a kind node loses its leases. So the group of all containers weighs as much as that many
processes.
"""

import contextlib
from pathlib import Path

# How many processes the containers weigh together.
PROCESSES = 16
# What one process weighs: cpu.shares in version 1 of control groups, cpu.weight in version 2
# (kernel, admin-guide/cgroup-v2.rst).
_SHARES, _WEIGHT = 1024, 100
_ROOT = Path("/sys/fs/cgroup")
# The group below which Docker makes those of its containers, unless told otherwise.
_GROUP = "docker"


def prefer_containers(root: Path = _ROOT) -> bool:
    """Let the containers of a Docker engine weigh as much as `PROCESSES` processes.

    Args:
        root: where control groups are mounted.

    Returns:
        Whether it could be done: the user may, and Docker's groups are where its own driver
        (cgroupfs) puts them.
    """
    if (root / "cgroup.controllers").exists():
        place, value = root / _GROUP / "cpu.weight", _WEIGHT
    else:
        place, value = root / "cpu" / _GROUP / "cpu.shares", _SHARES
    with contextlib.suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        # The kernel makes the file with the directory.
        with place.open("r+") as file:
            file.write(str(value * PROCESSES))
        return True
    return False
