"""What a conversion webhook's process does beside serving, where OLM runs it.

OLM v0 makes the webhook's certificate and gives it up at each upgrade, and tells nobody when it
makes a new one. So the process keeps the Secret through upgrades (`runtime.ownership`) and serves
with a new certificate as soon as it is trusted (`runtime.renewal`). Under OLM v1 the certificate is
cert-manager's or the service CA's, which keep the Secret themselves; only the second is needed.
The generator lets the process know what it is called (WEBHOOK_DEPLOYMENT) and gives it an account,
the rights are `kopfkit.project.rights.certificate_owner`.

    await serve(CONVERTER, ..., beside=kept_certificate(HELLOWORLD.crd_name))
"""

import os
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from kopfkit.conversion import ServingCertificate
from kopfkit.environment import OPERATOR_CONDITION_NAME, POD_NAMESPACE, WEBHOOK_DEPLOYMENT

__all__ = [
    "kept_certificate",
]

# Where both OLMs mount a webhook's certificate a second time, and nobody else does (olm,
# pkg/controller/install/certresources.go; operator-controller, its registryv1/generators): the one
# sign that OLM v1 gives to a process.
OLMS_CERTIFICATE: Final = Path("/apiserver.local.config/certificates/apiserver.crt")


def kept_certificate(
    *crds: str,
    environment: Mapping[str, str] = os.environ,
    olms: Path = OLMS_CERTIFICATE,
) -> Callable[[ServingCertificate], Coroutine[Any, Any, None]]:
    """For `beside` of `kopfkit.conversion.serve`.

    What it makes ends at once where OLM does not run the process, and nothing is asked of the API
    server. Whatever fails is logged and tried again: it must not cost a conversion.

    Args:
        crds: names of the CRDs that the webhook converts.
        environment: where OLM v0 and the generator say who we are.
        olms: the file that is there under OLM v1, too.
    """

    mounted = olms.exists()

    async def keep(certificate: ServingCertificate) -> None:
        under_v0, deployment, namespace = (
            environment.get(name, "").strip()
            for name in (OPERATOR_CONDITION_NAME, WEBHOOK_DEPLOYMENT, POD_NAMESPACE)
        )
        if (under_v0 or mounted) and deployment and namespace:
            await _keep(certificate, deployment, namespace, crds, owns=bool(under_v0))

    return keep


async def _keep(
    certificate: ServingCertificate,
    deployment: str,
    namespace: str,
    crds: tuple[str, ...],
    *,
    owns: bool,
) -> None:
    # Imported here: elsewhere the process never asks the API server anything.
    from kopfkit.runtime.api import credentials
    from kopfkit.runtime.api.client import Client
    from kopfkit.runtime.olm import keeping, ownership, renewal

    # The name of the Secret under both OLMs (olm, pkg/controller/install/certresources.go).
    secret = f"{deployment}-service-cert"
    owned = ownership.Owned(namespace, secret, deployment)
    renewed = renewal.Renewed(namespace, secret, crds)
    tasks: list[keeping.Task] = [lambda client: renewal.run(client, renewed, certificate.take)]
    if owns:
        tasks.append(lambda client: ownership.run(client, owned))
    client = Client(credentials.load, manager=deployment)
    await keeping.keep(client, "the certificate", *tasks)
