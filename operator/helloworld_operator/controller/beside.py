"""What the leader does beside reconciling: kopfkit's parts with this operator's names.

Each is imported where it runs: a process pays for what it uses.
"""

from collections.abc import Callable

from helloworld_operator.api import GROUP, PLURAL
from helloworld_operator.controller.names import MANAGER
from kopfkit.runtime.client import Client

_CRD = f"{PLURAL}.{GROUP}"
# The fields of the spec that an object always has, by version: they have defaults.
SHOWN = {"v1": "replicas", "v1alpha1": "size"}
May = Callable[[], bool]


async def monitoring(client: Client, namespace: str, may: May) -> None:
    """Keep ServiceMonitor and PrometheusRule where their API is served."""
    from kopfkit.runtime.monitoring import MonitoringObjects

    name = f"{MANAGER}-monitoring"  # the ConfigMap that is installed with us
    await MonitoringObjects(client, namespace, name, may=may).run()


async def protection(client: Client, may: May) -> None:
    """Keep the CRD's conversion while objects depend on it, and what it carries."""
    from helloworld_operator.api.conversion import CONVERTER
    from kopfkit.runtime.protection import Carried, Protection

    carried = Carried(
        GROUP, PLURAL, CONVERTER.hub, tuple(CONVERTER.spokes), CONVERTER.annotation, SHOWN
    )
    await Protection(client, _CRD, may=may, carried=carried).run()


async def certificates(client: Client, namespace: str, may: May) -> None:
    """Make and renew the webhook's certificate, where OLM does not."""
    from kopfkit.runtime.certificates import Rotator, Webhook  # cryptography, 12 MB

    service = f"{MANAGER}-webhook-service"  # the name OLM would give it
    webhook = Webhook(namespace, service, f"{service}-cert", _CRD)
    await Rotator(client, webhook, may=may).run()
