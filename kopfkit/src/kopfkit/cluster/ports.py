"""Free TCP ports on the loopback address, and what to say when a wanted one is taken."""

import socket

from kopfkit.errors import KopfkitError

HOST = "127.0.0.1"


def free(count: int) -> list[int]:
    """`count` different ports that nobody listens on now. Somebody may take one a moment later:
    who starts a server on it must be ready to try again."""
    sockets = []
    try:
        for _ in range(count):
            probe = socket.socket()
            sockets.append(probe)
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in sockets]
    finally:
        for probe in sockets:
            probe.close()


def require_free(port: int, what: str, cure: str) -> None:
    """Raises KopfkitError if `port` cannot be listened on: taken, or not allowed to this user."""
    with socket.socket() as probe:
        # As servers do: a connection that was closed a minute ago does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OverflowError as error:
            raise KopfkitError(f"port {port} for {what}", "is not a TCP port", cure) from error
        except PermissionError as error:
            raise KopfkitError(f"port {port} for {what}", "needs root", cure) from error
        except OSError as error:
            raise KopfkitError(f"port {port} for {what}", "is in use", cure) from error
