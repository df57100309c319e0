"""`helloworld-operator webhook`: the conversion webhook, a process of its own.

It shares nothing with the controller: a controller that is busy, restarting or waiting for its
Lease must not keep anybody from reading an object.
"""

import asyncio
import logging
from pathlib import Path

from helloworld_operator.api import HELLOWORLD
from helloworld_operator.api.conversion import CONVERTER
from helloworld_operator.insight import Insight
from helloworld_operator.settings import own_namespace, webhook_deployment
from kopfkit.conversion import ServingCertificate, serve
from kopfkit.errors import KopfkitError

logger = logging.getLogger(__name__)


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
            beside=keep_certificate,
        )
    finally:
        await insight.stop()


async def keep_certificate(certificate: ServingCertificate) -> None:
    """Where OLM runs us, keep the certificate's Secret through upgrades, and serve with a new
    certificate as soon as it is trusted; returns elsewhere.

    Whatever fails here is logged: it must not cost a conversion.
    """
    deployment, namespace = webhook_deployment(), own_namespace()
    if not deployment or not namespace:
        return
    from kopfkit.runtime import credentials, ownership, renewal
    from kopfkit.runtime.client import Client

    client = Client(credentials.load, manager=deployment)
    # OLM's name for the Secret (olm, pkg/controller/install/certresources.go).
    secret = f"{deployment}-service-cert"
    try:
        await client.open()
        owned = ownership.Owned(namespace, secret, deployment)
        renewed = renewal.Renewed(namespace, secret, (HELLOWORLD.crd_name,))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ownership.run(client, owned))
            tasks.create_task(renewal.run(client, renewed, certificate.take))
    except KopfkitError as error:
        logger.error("cannot keep the certificate through upgrades: %s", error)
    except Exception:
        logger.exception("the certificate is no longer kept through upgrades")
    finally:
        await client.close()
