"""What a conversion webhook's process does beside serving, where OLM v0 runs it.

OLM makes the webhook's certificate and gives it up at each upgrade, and tells nobody when it makes
a new one. So the process keeps the Secret through upgrades (`runtime.ownership`) and serves with a
new certificate as soon as it is trusted (`runtime.renewal`). The generator lets it know what it is
called (WEBHOOK_DEPLOYMENT) and gives it an account, the rights are
`kopfkit.project.rights.certificate_owner`.

    await serve(CONVERTER, ..., beside=kept_certificate(HELLOWORLD.crd_name))
"""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from kopfkit.conversion import ServingCertificate
from kopfkit.environment import OPERATOR_CONDITION_NAME, POD_NAMESPACE, WEBHOOK_DEPLOYMENT
from kopfkit.errors import KopfkitError

log = logging.getLogger(__name__)


def kept_certificate(
    *crds: str, environment: Mapping[str, str] = os.environ
) -> Callable[[ServingCertificate], Coroutine[Any, Any, None]]:
    """For `beside` of `kopfkit.conversion.serve`.

    What it makes ends at once where OLM does not run the process, and nothing is asked of the API
    server. Whatever fails is logged: it must not cost a conversion.

    Args:
        crds: names of the CRDs that the webhook converts.
        environment: where OLM and the generator say who we are.
    """

    async def keep(certificate: ServingCertificate) -> None:
        under_olm, deployment, namespace = (
            environment.get(name, "").strip()
            for name in (OPERATOR_CONDITION_NAME, WEBHOOK_DEPLOYMENT, POD_NAMESPACE)
        )
        if under_olm and deployment and namespace:
            await _keep(certificate, deployment, namespace, crds)

    return keep


async def _keep(
    certificate: ServingCertificate, deployment: str, namespace: str, crds: tuple[str, ...]
) -> None:
    # Imported here: elsewhere the process never asks the API server anything.
    from kopfkit.runtime import credentials, ownership, renewal
    from kopfkit.runtime.client import Client

    client = Client(credentials.load, manager=deployment)
    # OLM's name for the Secret (olm, pkg/controller/install/certresources.go).
    secret = f"{deployment}-service-cert"
    try:
        await client.open()
        owned = ownership.Owned(namespace, secret, deployment)
        renewed = renewal.Renewed(namespace, secret, crds)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ownership.run(client, owned))
            tasks.create_task(renewal.run(client, renewed, certificate.take))
    except KopfkitError as error:
        log.error("cannot keep the certificate through upgrades: %s", error)
    except Exception:
        log.exception("the certificate is no longer kept through upgrades")
    finally:
        await client.close()
