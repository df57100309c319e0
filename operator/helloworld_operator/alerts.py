"""The alerts on HelloWorlds, each with a page in docs/runbooks, beside those of any operator.

Read by `project` only; nothing that runs imports it.
"""

from typing import Final

from helloworld_operator.identity import IDENTITY
from kopfkit.project import Alert, alerts

# Whose alerts a release without a conversion is without.
WEBHOOK = "helloworld-operator-webhook"

_PREFIX: Final = "HelloWorldOperator"
_NAMED: Final = (IDENTITY.name, IDENTITY.metrics_prefix)

OWN: Final = (
    Alert(
        name="HelloWorldUnavailable",
        expr=(
            "max by (namespace, reason) (helloworld_operator_object_conditions"
            '{kind="HelloWorld",type="Available",status="False",reason!="ScaledToZero"}) > 0'
        ),
        minutes=15,
        severity="warning",
        summary="{{ $value }} HelloWorlds are unavailable ({{ $labels.reason }}).",
        description="No pod answers with their greeting. `kubectl get hw -A` shows which.",
    ),
    Alert(
        name="HelloWorldDegraded",
        expr=(
            "max by (namespace, reason) (helloworld_operator_object_conditions"
            '{kind="HelloWorld",type="Degraded",status="True",reason!="RolledBack"}) > 0'
        ),
        minutes=15,
        severity="warning",
        summary="{{ $value }} HelloWorlds are degraded ({{ $labels.reason }}).",
        description="The operator cannot bring them to what their spec asks for.",
    ),
    Alert(
        name="HelloWorldRolledBack",
        expr=(
            "max by (namespace) (helloworld_operator_object_conditions"
            '{kind="HelloWorld",type="Degraded",status="True",reason="RolledBack"}) > 0'
        ),
        minutes=1,
        severity="warning",
        summary="{{ $value }} HelloWorlds were rolled back to their previous image.",
        description="The new image did not become ready. The old one serves; no data is lost.",
    ),
    Alert(
        name="HelloWorldSnapshotFailed",
        expr=(
            "max by (namespace, reason) (helloworld_operator_object_conditions"
            '{kind="HelloWorldSnapshot",type="Failed",status="True"}) > 0'
        ),
        minutes=5,
        severity="warning",
        summary="{{ $value }} HelloWorldSnapshots failed ({{ $labels.reason }}).",
        description="The guest book was not copied. Older snapshots are intact.",
    ),
)
ALERTS: Final = (
    *alerts.of_process(*_NAMED, _PREFIX),
    *alerts.of_controllers(*_NAMED, (), _PREFIX),  # of its conditions, OWN knows the reasons
    *OWN,
    *alerts.of_webhook(*_NAMED, WEBHOOK, _PREFIX),
)
