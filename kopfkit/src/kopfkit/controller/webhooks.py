"""The conversion webhook, a process of its own.

It shares nothing with the controllers: a controller that is busy, restarting or waiting for its
Lease must not keep anybody from reading an object.
"""

import asyncio
from pathlib import Path

from kopfkit.controller.identity import Identity
from kopfkit.controller.telemetry import Telemetry
from kopfkit.conversion import AnyConverter, serve
from kopfkit.webhook import kept_certificate


async def run(
    identity: Identity,
    converter: AnyConverter,
    *crds: str,
    cert_dir: Path,
    port: int,
    health_port: int,
    metrics_port: int = 0,
    stop: asyncio.Event,
) -> None:
    """Serve until `stop` is set; see `kopfkit.conversion.serve` for further arguments and errors.

    Args:
        identity: of the operator.
        converter: answers the reviews.
        crds: the names of the CRDs that are converted.
        metrics_port: of /metrics; 0 for none.
    """
    telemetry = Telemetry(identity, metrics_port, f"{identity.name}-webhook")
    versions = (version.rpartition("/")[2] for version in converter.api_versions)
    observer = telemetry.conversion(tuple(dict.fromkeys(versions)))
    await telemetry.start()
    try:
        await serve(
            converter,
            cert_dir=cert_dir,
            port=port,
            health_port=health_port,
            stop=stop,
            observer=observer,
            beside=kept_certificate(*crds),
        )
    finally:
        await telemetry.stop()
