"""Settings of the processes of an operator, read once at their start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kopfkit.environment import POD_NAMESPACE, WATCH_NAMESPACE

# Where OLM mounts the webhook's certificate; a generated config/default mounts it there, too.
CERT_DIR: Final = Path("/tmp/k8s-webhook-server/serving-certs")
# Ports of the servers of an operator's processes.
HEALTH_PORT: Final = 8080
WEBHOOK_PORT: Final = 9443


@dataclass(frozen=True)
class Settings:
    """Settings of the manager, the process that reconciles.

    Attributes:
        namespaces: watch these; empty means all.
        lease_namespace: where the Lease is; None means the namespace the process runs in.
        leader_elect: take part in the election; without it the process writes at once.
        health_port: of /healthz and /readyz; 0 chooses a free one.
        metrics_port: of /metrics; 0 for none.
        metrics_objects: how many objects of a kind have series of their own. None unless asked for:
            they name the objects of all namespaces to whoever reaches the port.
        workers: how many objects are reconciled at a time. They wait for the API server, not for
            the processor; more than its default flow-control share would only queue there.
        manage_certificates: make the webhook's certificates in the process.
        resync: seconds between two comparisons of the caches with full lists.
        watch_silence: seconds without a sign of life after which a watch is opened anew. The API
            server gives one every minute.
        grace: seconds that running reconciles get at the end.
    """

    namespaces: tuple[str, ...] = ()
    lease_namespace: str | None = None
    leader_elect: bool = True
    health_port: int = HEALTH_PORT
    metrics_port: int = 0
    metrics_objects: int = 0
    workers: int = 16
    manage_certificates: bool = False
    resync: float = 600.0
    watch_silence: float = 70.0
    grace: float = 5.0


def watched_namespaces(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The namespaces that WATCH_NAMESPACE names, separated by commas; none means all. OLM's and
    operator-sdk's convention."""
    named = environment.get(WATCH_NAMESPACE, "").split(",")
    return tuple(dict.fromkeys(name.strip() for name in named if name.strip()))


def own_namespace(environment: Mapping[str, str] = os.environ) -> str | None:
    """The namespace this pod runs in (POD_NAMESPACE), or None outside a cluster."""
    return environment.get(POD_NAMESPACE, "").strip() or None
