"""What the status conditions of the watched objects say, as metrics whose number is bounded.

Names of objects and namespaces are for who may list them, and whoever reaches the port reads the
metrics: series about single objects are there only where they are asked for.

Read from the stores at each scrape, so that a reconciler need not keep them. Totals by condition
cover every object; series about single objects exist for the first few by namespace and name, and a
gauge tells how many have none: ten thousand objects must not make ten thousand series. The label
with an object's namespace is not called namespace: Prometheus gives that name to the pod's.
"""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily, Metric

from kopfkit.runtime.manager.store import Key, Object, Store
from kopfkit.runtime.telemetry.metrics import Metrics

# Different (type, status, reason) per kind. A controller has a few dozen; a status that somebody
# else writes may hold anything.
_MOST_REASONS: Final = 100
_OTHER: Final = "Other"


class ObjectMetrics:
    """Registers the metrics of some kinds' objects.

    Args:
        metrics: of the process.
        stores: by kind ("HelloWorld"), for objects with `status.conditions`.
        most: for how many objects of a kind there are series of their own; 0 for none.
        types: of conditions that the operator writes; others, which anybody may have written, are
            one ("Other"), so that they leave room for these. None counts all.
    """

    def __init__(
        self,
        metrics: Metrics,
        stores: Mapping[str, Store],
        most: int,
        types: Collection[str] | None = None,
    ) -> None:
        self._prefix, self._stores, self._most = metrics.prefix, dict(stores), most
        self._types = types
        metrics.collect(self._families)

    def _families(self) -> Iterable[Metric]:
        prefix = self._prefix
        total = GaugeMetricFamily(f"{prefix}_objects", "Objects that are known.", labels=["kind"])
        left = GaugeMetricFamily(
            f"{prefix}_objects_without_series",
            "Objects beyond those with series of their own.",
            labels=["kind"],
        )
        counts = GaugeMetricFamily(
            f"{prefix}_object_conditions",
            "Objects by the conditions of their status.",
            labels=["kind", "type", "status", "reason"],
        )
        single = GaugeMetricFamily(
            f"{prefix}_object_condition",
            "1 where an object's condition is True, else 0; for a bounded number of objects.",
            labels=["kind", "object_namespace", "object", "type"],
        )
        for kind, store in self._stores.items():
            total.add_metric([kind], len(store))
            left.add_metric([kind], max(0, len(store) - self._most))
            for labels, count in self._counts(store).items():
                counts.add_metric([kind, *labels], count)
            for key in heapq.nsmallest(self._most, store.known()):
                for condition in _conditions(store, key):
                    if self._types is None or condition[0] in self._types:
                        value = 1 if condition[1] == "True" else 0
                        single.add_metric([kind, *key, condition[0]], value)
        return [total, left, counts, single]

    def _counts(self, store: Store) -> Counter[tuple[str, str, str]]:
        counts: Counter[tuple[str, str, str]] = Counter()
        for key in store.known():
            for found in _conditions(store, key):
                ours = self._types is None or found[0] in self._types
                known = ours and (found in counts or len(counts) < _MOST_REASONS)
                counts[found if known else (_OTHER, _OTHER, _OTHER)] += 1
        return counts


def _conditions(store: Store, key: Key) -> Iterable[tuple[str, str, str]]:
    obj: Object = store.get(key) or {}
    status = obj.get("status")
    conditions: Any = status.get("conditions") if isinstance(status, dict) else None
    for one in conditions if isinstance(conditions, list) else ():
        if isinstance(one, dict):
            yield str(one.get("type", "")), str(one.get("status", "")), str(one.get("reason", ""))
