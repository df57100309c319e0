"""The listening socket of a small HTTP server beside the work: health, metrics."""

import socket

from kopfkit.errors import KopfkitError


def listen(what: str, port: int, hint: str) -> socket.socket:
    """A socket that listens on all addresses.

    Args:
        what: the port is for, as an error message names it.
        port: TCP port; 0 takes a free one.
        hint: what to do where it cannot be had.

    Raises:
        KopfkitError: the port is taken.
    """
    try:
        # One socket for both address families: with port 0 two would get two ports.
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        why = f"cannot listen ({error.strerror or error})"
        raise KopfkitError(f"{what} port {port}", why, hint) from error
