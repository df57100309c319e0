"""When somebody should look: the alerting rules, each with a page in docs/runbooks.

Read by `project` only; nothing that runs imports it. Thresholds are what a settled cluster never
reaches: the queue empties in milliseconds, a watch is heard every minute, a conversion takes a
millisecond. Both controller pods tell about the same objects, so totals are taken by max, not sum.
"""

from typing import Final

from kopfkit.project import Alert

# Whose alerts a release without a conversion is without.
WEBHOOK = "helloworld-operator-webhook"

ALERTS: Final = (
    Alert(
        name="HelloWorldOperatorAbsent",
        expr="absent(helloworld_operator_leader)",
        minutes=5,
        severity="critical",
        summary="No controller of the HelloWorld operator is scraped.",
        description=(
            "HelloWorlds go on answering, but nothing repairs, scales, upgrades or copies them."
        ),
    ),
    Alert(
        name="HelloWorldOperatorWithoutLeader",
        expr="max by (namespace) (helloworld_operator_leader) == 0",
        minutes=2,
        severity="critical",
        summary="No controller in {{ $labels.namespace }} holds the Lease.",
        description="The pods run, but none may write: nothing is reconciled.",
    ),
    Alert(
        name="HelloWorldOperatorTwoLeaders",
        expr="sum by (namespace) (helloworld_operator_leader) > 1",
        minutes=2,
        severity="critical",
        summary="{{ $value }} controllers in {{ $labels.namespace }} say that they lead.",
        description="Two writers undo each other's work. The Lease should make this impossible.",
    ),
    Alert(
        name="HelloWorldReconcileErrors",
        expr=(
            "sum by (namespace, controller) "
            '(rate(helloworld_operator_reconcile_total{result="error"}[5m]))'
            " / sum by (namespace, controller) (rate(helloworld_operator_reconcile_total[5m]))"
            " > 0.1"
        ),
        minutes=10,
        severity="warning",
        summary="{{ $value | humanizePercentage }} of {{ $labels.controller }} reconciles fail.",
        description="They are tried again with growing delays, so changes arrive late or not.",
    ),
    Alert(
        name="HelloWorldReconcileStuck",
        expr=(
            "max by (namespace, pod, controller) "
            "(helloworld_operator_reconcile_longest_running_seconds) > 120"
        ),
        minutes=5,
        severity="warning",
        summary="A {{ $labels.controller }} reconcile has run for {{ $value | humanizeDuration }}.",
        description="The object it is about is not looked at again until it ends.",
    ),
    Alert(
        name="HelloWorldQueueSlow",
        expr=(
            "histogram_quantile(0.9, sum by (namespace, controller, le) "
            "(rate(helloworld_operator_queue_latency_seconds_bucket[5m]))) > 10"
        ),
        minutes=10,
        severity="warning",
        summary="{{ $labels.controller }} objects wait {{ $value | humanizeDuration }}.",
        description="More changes come than the workers get done: each is acted on late.",
    ),
    Alert(
        name="HelloWorldWatchSilent",
        expr=(
            "time() - min by (namespace, pod, path) "
            "(helloworld_operator_watch_last_event_timestamp_seconds) > 300"
        ),
        minutes=5,
        severity="warning",
        summary="{{ $labels.pod }} hears nothing on {{ $labels.path }}.",
        description=(
            "The API server speaks once a minute on a living watch. Until it is heard again, "
            "changes are noticed only by the comparison every ten minutes."
        ),
    ),
    Alert(
        name="HelloWorldApiErrors",
        expr=(
            "sum by (namespace) "
            '(rate(helloworld_operator_api_requests_total{code=~"0|429|5.."}[5m]))'
            " / sum by (namespace) (rate(helloworld_operator_api_requests_total[5m])) > 0.1"
        ),
        minutes=10,
        severity="warning",
        summary="{{ $value | humanizePercentage }} of the operator's API requests fail.",
        description="The API server is unreachable, overloaded or broken for the operator.",
    ),
    Alert(
        name="HelloWorldUnavailable",
        expr=(
            "max by (namespace, reason) (helloworld_operator_object_conditions"
            '{kind="HelloWorld",type="Available",status="False",reason!="ScaledToZero"}) > 0'
        ),
        minutes=15,
        severity="warning",
        summary="{{ $value }} HelloWorlds do not answer ({{ $labels.reason }}).",
        description="Their greeting cannot be had. `kubectl get hw -A` shows which.",
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
        summary="{{ $value }} HelloWorlds went back to their previous image.",
        description="The new image did not become ready. The old one serves; data are unharmed.",
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
        description="There is no copy of that moment. Older snapshots are unharmed.",
    ),
    Alert(
        name="HelloWorldStorageMigrationBlocked",
        expr="max by (namespace) (helloworld_operator_storage_migration_blocked) == 1",
        minutes=30,
        severity="warning",
        summary="Stored HelloWorlds cannot be written in the version that is stored now.",
        description=(
            "Nothing fails by it, but the old version has to stay in the CRD until it is done."
        ),
    ),
    Alert(
        name="HelloWorldConversionAbsent",
        deployment=WEBHOOK,
        expr="absent(helloworld_operator_conversion_reviews_total)",
        minutes=5,
        severity="critical",
        summary="No conversion webhook of the HelloWorld operator is scraped.",
        description=(
            "If none runs, every request through the version that is not stored fails, and so do "
            "lists and watches of the controller."
        ),
    ),
    Alert(
        name="HelloWorldConversionFailing",
        deployment=WEBHOOK,
        expr=(
            "sum by (namespace) (increase("
            'helloworld_operator_conversion_reviews_total{result="failure"}[10m])) > 0'
        ),
        minutes=0,
        severity="critical",
        summary="Conversions of HelloWorlds fail.",
        description="One object that cannot be converted fails every list of its version.",
    ),
    Alert(
        name="HelloWorldConversionSlow",
        deployment=WEBHOOK,
        expr=(
            "histogram_quantile(0.99, sum by (namespace, le) "
            "(rate(helloworld_operator_conversion_duration_seconds_bucket[5m]))) > 2.5"
        ),
        minutes=10,
        severity="warning",
        summary="A conversion review takes {{ $value | humanizeDuration }}.",
        description="The API server waits for it, and gives up after 30 s.",
    ),
    Alert(
        name="HelloWorldCertificateExpires",
        deployment=WEBHOOK,
        expr=(
            "min by (namespace, pod) (helloworld_operator_certificate_expiry_timestamp_seconds)"
            # OLM renews a day before the end, the controller long before.
            " - time() < 20 * 3600"
        ),
        minutes=15,
        severity="critical",
        summary="The webhook certificate of {{ $labels.pod }} ends soon, or is missing.",
        description="Afterwards the API server refuses it, and no conversion succeeds.",
    ),
)
