"""Letting go on what stands frozen in a container that is to end.

On cgroup v1 runc freezes a container's processes while it sets up their devices. If a kind node is
killed at that moment, nobody thaws them: not even SIGKILL ends a frozen process there, and the node
cannot end before it (kernel, admin-guide/cgroup-v1/freezer-subsystem.rst). On cgroup v2 a killed
process ends although it is frozen, so there is nothing to do.
"""

import contextlib
from pathlib import Path

_V1 = Path("/sys/fs/cgroup/freezer")
_STATE = "freezer.state"


def thaw(identifier: str, root: Path = _V1) -> int:
    """Thaw every frozen cgroup of a container and below it, as far as this user may.

    Args:
        identifier: the container's whole id.
        root: where the freezer's hierarchy is mounted.

    Returns:
        How many were frozen and are not any more.
    """
    thawed = 0
    # Docker's own driver names a container's cgroup ID, systemd's docker-ID.scope.
    for container in root.glob(f"**/*{identifier}*"):
        for state in container.glob(f"**/{_STATE}"):
            # A cgroup may go while it is looked at, and belong to somebody else.
            with contextlib.suppress(OSError):
                if state.read_text().strip() != "THAWED":
                    state.write_text("THAWED")
                    thawed += 1
    return thawed
