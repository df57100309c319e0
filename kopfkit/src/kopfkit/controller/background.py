"""Background tasks of the leader: the parts of `kopfkit.runtime` under the operator's names.

Each is imported where it runs: a process pays for what it uses.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kopfkit.admission.hooks import Purpose, configuration_kind, configuration_name
from kopfkit.runtime.api.client import Client

if TYPE_CHECKING:
    from kopfkit.conversion import Converter

May = Callable[[], bool]


async def monitoring(client: Client, namespace: str, operator: str, may: May) -> None:
    """Keep ServiceMonitor and PrometheusRule where their API is served."""
    from kopfkit.runtime.olm.monitoring import MonitoringObjects

    name = f"{operator}-monitoring"  # the ConfigMap that is installed with the operator
    await MonitoringObjects(client, namespace, name, may=may).run()


async def protection(
    client: Client, crd: str, converter: "Converter", siblings: Sequence[str], may: May
) -> None:
    """Keep the CRD's conversion while objects depend on it, what it carries, and all CRDs."""
    from kopfkit.runtime.olm.protection import Carried, Protection

    plural = crd.partition(".")[0]
    carried = Carried(
        converter.group,
        plural,
        converter.hub,
        tuple(converter.spokes),
        converter.annotation,
        converter.shown,
    )
    await Protection(client, crd, may=may, carried=carried, siblings=siblings).run()


async def certificates(
    client: Client,
    namespace: str,
    operator: str,
    crds: Sequence[str],
    purposes: Sequence[Purpose],
    may: May,
) -> None:
    """Make and renew the webhook's certificate, where OLM does not."""
    from kopfkit.runtime.olm.certificates import Rotator, Webhook  # cryptography, 12 MB

    deployment = f"{operator}-webhook"
    service = f"{deployment}-service"  # the name OLM would give it
    configurations = tuple(
        (configuration_kind(each), configuration_name(deployment, each)) for each in purposes
    )
    webhook = Webhook(namespace, service, f"{service}-cert", tuple(crds), configurations)
    await Rotator(client, webhook, may=may).run()
