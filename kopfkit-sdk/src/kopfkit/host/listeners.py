"""Who listens on a TCP port of this machine, so that "port 9443 is taken" can say by whom.

Read from /proc without connecting: a debugger's port takes the first connection for its client.
Where there is no /proc the port is still refused, only namelessly.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

from kopfkit.errors import KopfkitError

_LISTEN = "0A"  # TCP_LISTEN in the kernel's include/net/tcp_states.h


def require_free(port: int, what: str, flag: str, *, host: str = "") -> None:
    """Raises KopfkitError if a server cannot listen on `port`.

    Args:
        port: 1 to 65535.
        what: what the port is for.
        flag: the option that chooses another one, for the hint.
        host: the address that is to be listened on; "" for all.
    """
    with socket.socket() as probe:
        # As servers do: a connection that was closed a minute ago does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            # Two sockets may be bound with SO_REUSEADDR while neither listens.
            probe.listen(1)
        except PermissionError:
            why = "may not be listened on by this user"
        except OSError:
            owner = holder(port)
            why = f"is in use by {owner}" if owner else "is in use"
        else:
            return
    raise KopfkitError(
        f"port {port} for {what}", why, f"Stop what uses it, or choose another port with {flag}."
    )


def listening(port: int) -> bool:
    """Whether something listens on `port`; always False where there is no /proc."""
    return any(True for _ in _inodes(port))


def holder(port: int) -> str | None:
    """The process that listens on `port`, as "process 812 (python3)"; None if it cannot be found:
    nobody, another user's, or no /proc."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port)}
    if not wanted:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(entry.readlink()) in wanted for entry in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:
            continue  # gone meanwhile, or another user's
    return None


def _inodes(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on `port` (proc_net_tcp in the kernel's docs)."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
