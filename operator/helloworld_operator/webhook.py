"""`helloworld-operator webhook`: the conversion webhook, a process of its own.

It shares nothing with the controller: a controller that is busy, restarting or waiting for its
Lease must not keep anybody from reading an object.
"""

import asyncio
from pathlib import Path

from helloworld_operator.api import HELLOWORLD
from helloworld_operator.api.conversion import CONVERTER
from helloworld_operator.insight import Insight
from kopfkit.conversion import serve
from kopfkit.webhook import kept_certificate


async def run(
    *, cert_dir: Path, port: int, health_port: int, metrics_port: int = 0, stop: asyncio.Event
) -> None:
    """Serve until `stop` is set; see `kopfkit.conversion.serve` for the arguments and errors.

    Args:
        metrics_port: of /metrics; 0 for none.
    """
    insight = Insight(metrics_port, "helloworld-operator-webhook")
    versions = tuple(version.rpartition("/")[2] for version in CONVERTER.api_versions)
    observer = insight.conversion(versions)
    await insight.start()
    try:
        await serve(
            CONVERTER,
            cert_dir=cert_dir,
            port=port,
            health_port=health_port,
            stop=stop,
            observer=observer,
            beside=kept_certificate(HELLOWORLD.crd_name),
        )
    finally:
        await insight.stop()
