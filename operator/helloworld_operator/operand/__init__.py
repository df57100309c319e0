"""The greeting server: what the Deployment of a HelloWorld runs.

    process    the greeting from the environment, the port, the signals
    server     the socket, and which requests are being answered
    handler    what is answered: greeting, health check, guest book, snapshot
    forms      what may be written into the guest book (pure)
    guestbook  entries and visits in one SQLite file

The standard library only, because this process runs once per pod and does next to nothing: 20 MB
instead of aiohttp's 35, and no import of kopf or a Kubernetes client.
"""

from helloworld_operator.operand.process import serve

__all__ = ["serve"]
