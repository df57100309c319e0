"""Free TCP ports on the loopback address, and what to say when a wanted one is taken."""

import itertools
import random
import socket

from kopfkit.errors import KopfkitError

HOST = "127.0.0.1"
# Below the ports that Linux gives to outgoing connections (32768 on, ip_local_port_range in
# Documentation/networking/ip-sysctl.rst): one of those may have a port that was free just now.
_PORTS = range(20_000, 32_768)
# Not the seeded numbers of a test, which other processes may have, too.
_random = random.SystemRandom()


def free(count: int) -> list[int]:
    """`count` different ports that nobody listens on now, and that no outgoing connection gets.
    Another server may take one a moment later: be ready to try again."""
    chosen = (port for port in _random.sample(_PORTS, len(_PORTS)) if _is_free(port))
    return list(itertools.islice(chosen, count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def require_free(port: int, what: str, hint: str) -> None:
    """Raises KopfkitError if `port` cannot be listened on: taken, or not allowed to this user."""
    with socket.socket() as probe:
        # As servers do: a connection that was closed a minute ago does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OverflowError as error:
            raise KopfkitError(f"port {port} for {what}", "is not a TCP port", hint) from error
        except PermissionError as error:
            raise KopfkitError(f"port {port} for {what}", "needs root", hint) from error
        except OSError as error:
            raise KopfkitError(f"port {port} for {what}", "is in use", hint) from error
