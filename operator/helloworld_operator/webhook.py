"""`helloworld-operator webhook`: the conversion webhook, a process of its own.

It shares nothing with the controller: a controller that is busy, restarting or waiting for its
Lease must not keep anybody from reading an object.
"""

import asyncio
from pathlib import Path

from helloworld_operator.api.conversion import CONVERTER
from kopfkit.conversion import serve


async def run(*, cert_dir: Path, port: int, health_port: int, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; see `kopfkit.conversion.serve` for the arguments and errors."""
    await serve(CONVERTER, cert_dir=cert_dir, port=port, health_port=health_port, stop=stop)
