"""The alerts that every operator on `kopfkit.controller` has, with their runbooks.

They read the metrics that its processes serve (`kopfkit.controller.telemetry`). Thresholds are what
a settled cluster never reaches: the queue empties in milliseconds, a watch is heard every minute, a
conversion takes a millisecond. All controller pods count the same objects, so totals are taken by
max, not by sum.
"""

from collections.abc import Sequence
from importlib.resources import files

from kopfkit.project.parts import Alert

__all__ = [
    "of_controllers",
    "of_process",
    "of_webhook",
]

# Name below the operator's, expression, minutes, severity, summary, description. METRICS stands for
# the first part of the metrics' names. Each has a page in runbooks/.
_Row = tuple[str, str, int, str, str, str]

_PROCESS: tuple[_Row, ...] = (
    (
        "Absent",
        "absent(METRICS_leader)",
        5,
        "critical",
        "No controller of OPERATOR is scraped.",
        "What exists keeps running, but nothing is created, repaired or removed.",
    ),
    (
        "WithoutLeader",
        "max by (namespace) (METRICS_leader) == 0",
        2,
        "critical",
        "No controller of OPERATOR in {{ $labels.namespace }} holds the Lease.",
        "The pods run, but none may write: nothing is reconciled.",
    ),
    (
        "TwoLeaders",
        "sum by (namespace) (METRICS_leader) > 1",
        2,
        "critical",
        "{{ $value }} controllers of OPERATOR in {{ $labels.namespace }} claim to be the leader.",
        "Two writers undo each other's work. The Lease should make this impossible.",
    ),
    (
        "ApiErrors",
        'sum by (namespace) (rate(METRICS_api_requests_total{code=~"0|429|5.."}[5m]))'
        " / sum by (namespace) (rate(METRICS_api_requests_total[5m])) > 0.1",
        10,
        "warning",
        "{{ $value | humanizePercentage }} of the API requests of OPERATOR fail.",
        "The API server is unreachable, overloaded or failing for the operator.",
    ),
    (
        "WatchSilent",
        "time() - min by (namespace, pod, path) (METRICS_watch_last_event_timestamp_seconds) > 300",
        5,
        "warning",
        "{{ $labels.pod }} receives nothing on its watch of {{ $labels.path }}.",
        "Changes are noticed only by the periodic comparison with a full list.",
    ),
)

_CONTROLLERS: tuple[_Row, ...] = (
    (
        "ReconcileErrors",
        'sum by (namespace, controller) (rate(METRICS_reconcile_total{result="error"}[5m]))'
        " / sum by (namespace, controller) (rate(METRICS_reconcile_total[5m])) > 0.1",
        10,
        "warning",
        "{{ $value | humanizePercentage }} of {{ $labels.controller }} reconciles fail.",
        "They are retried with growing delays, so changes take effect late or not at all.",
    ),
    (
        "ReconcileStuck",
        "max by (namespace, pod, controller) (METRICS_reconcile_longest_running_seconds) > 120",
        5,
        "warning",
        "A {{ $labels.controller }} reconcile has been running for "
        "{{ $value | humanizeDuration }}.",
        "Its object is not reconciled again until it returns.",
    ),
    (
        "QueueSlow",
        "histogram_quantile(0.9, sum by (namespace, controller, le) "
        "(rate(METRICS_queue_latency_seconds_bucket[5m]))) > 10",
        10,
        "warning",
        "{{ $labels.controller }} objects wait {{ $value | humanizeDuration }} for a worker.",
        "Changes arrive faster than they are reconciled, so each takes effect late.",
    ),
    (
        "ObjectsUnavailable",
        "max by (namespace, kind, reason) "
        '(METRICS_object_conditions{type="Available",status="False"}) > 0',
        15,
        "warning",
        "{{ $value }} {{ $labels.kind }} objects are unavailable ({{ $labels.reason }}).",
        "They have had the condition Available=False for 15 minutes.",
    ),
    (
        "ObjectsDegraded",
        "max by (namespace, kind, reason) "
        '(METRICS_object_conditions{type="Degraded",status="True"}) > 0',
        15,
        "warning",
        "{{ $value }} {{ $labels.kind }} objects are degraded ({{ $labels.reason }}).",
        "The operator cannot bring them to the state that their spec asks for.",
    ),
)

_WEBHOOK: tuple[_Row, ...] = (
    (
        "StorageMigrationBlocked",
        "max by (namespace) (METRICS_storage_migration_blocked) == 1",
        30,
        "warning",
        "Stored objects of OPERATOR cannot be rewritten in the storage version.",
        "Nothing fails because of it, but the CRD has to keep the old version until it is done.",
    ),
    (
        "ConversionAbsent",
        "absent(METRICS_conversion_reviews_total)",
        5,
        "critical",
        "No conversion webhook of OPERATOR is scraped.",
        "If none runs, every request through a version that is not the storage version fails.",
    ),
    (
        "ConversionFailing",
        'sum by (namespace) (increase(METRICS_conversion_reviews_total{result="failure"}[10m])) '
        "> 0",
        0,
        "critical",
        "Conversions fail.",
        "One object that cannot be converted fails every list and watch of its version.",
    ),
    (
        "ConversionSlow",
        "histogram_quantile(0.99, sum by (namespace, le) "
        "(rate(METRICS_conversion_duration_seconds_bucket[5m]))) > 2.5",
        10,
        "warning",
        "A conversion review takes {{ $value | humanizeDuration }}.",
        "The API server waits for it, and gives up after 30 seconds.",
    ),
    (
        "CertificateExpires",
        # OLM renews a day before the end, the controller long before.
        "min by (namespace, pod) (METRICS_certificate_expiry_timestamp_seconds) - time() "
        "< 20 * 3600",
        15,
        "critical",
        "The webhook certificate of {{ $labels.pod }} expires soon, or is missing.",
        "Once it has expired, no conversion succeeds.",
    ),
)


def of_process(name: str, metrics: str, prefix: str = "") -> tuple[Alert, ...]:
    """The alerts of any operator's process.

    Args:
        name: of the operator.
        metrics: the first part of its metrics' names.
        prefix: the first part of the alerts' names; the operator's name in CamelCase by default.
    """
    return _alerts(name, metrics, _PROCESS, prefix=prefix)


def of_controllers(
    name: str, metrics: str, conditions: Sequence[str], prefix: str = ""
) -> tuple[Alert, ...]:
    """The alerts of an operator's controllers.

    Args:
        name: of the operator.
        metrics: the first part of its metrics' names.
        conditions: types of conditions that metrics count, and that alerts are about.
        prefix: as in `of_process`.
    """
    absent = {f'type="{each}"' for each in ("Available", "Degraded") if each not in conditions}
    rows = [row for row in _CONTROLLERS if not any(each in row[1] for each in absent)]
    return _alerts(name, metrics, rows, prefix=prefix)


def of_webhook(
    name: str, metrics: str, deployment: str, prefix: str = "", *, converts: bool = True
) -> tuple[Alert, ...]:
    """The alerts of a webhook.

    Args:
        name: of the operator.
        metrics: the first part of its metrics' names.
        deployment: of the webhook; a release without it is without these alerts.
        prefix: as in `of_process`.
        converts: whether it converts, or is asked about admission alone.
    """
    rows = [row for row in _WEBHOOK if converts or row[0] == "CertificateExpires"]
    return _alerts(name, metrics, rows, deployment, prefix)


def _alerts(
    name: str, metrics: str, rows: Sequence[_Row], deployment: str = "", prefix: str = ""
) -> tuple[Alert, ...]:
    prefix = prefix or "".join(part.capitalize() for part in name.split("-"))
    pages = files("kopfkit.project") / "runbooks"

    def filled(text: str) -> str:
        return text.replace("METRICS", metrics).replace("OPERATOR", name).replace("ALERT_", prefix)

    return tuple(
        Alert(
            name=f"{prefix}{row[0]}",
            expr=filled(row[1]),
            minutes=row[2],
            severity=row[3],
            summary=filled(row[4]),
            description=row[5],
            deployment=deployment,
            runbook=filled((pages / f"{row[0]}.md").read_text("utf-8")),
        )
        for row in rows
    )
