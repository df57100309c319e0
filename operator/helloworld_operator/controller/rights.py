"""What the controller does with which resource, and all it does: its rights follow from this.

A watched resource and a kind of child are in the tables of `sources` and `kinds`, too;
tests/unit/controller/test_rights.py compares them. Discovery (/api, /apis and below) is open to
every service account by system:discovery.
"""

from typing import Final

from helloworld_operator.controller.observe import (
    AUTOSCALERS,
    CLAIMS,
    DEPLOYMENTS,
    HELLOWORLDS,
    JOBS,
    PODS,
    QUOTAS,
    RANGES,
    SERVICES,
    SNAPSHOTS,
)
from kopfkit.runtime.resources import EVENTS
from kopfkit.runtime.rights import Use, status_of

_WATCH: Final = ("get", "list", "watch")
# A child that comes back and is repaired, by server-side apply.
_APPLY: Final = ("create", "patch")

USES: Final = (
    Use(HELLOWORLDS, _WATCH),
    *status_of(HELLOWORLDS),
    Use(DEPLOYMENTS, (*_WATCH, *_APPLY)),
    Use(SERVICES, (*_WATCH, *_APPLY)),
    # Never deleted: a volume goes with its owner, by the garbage collector.
    Use(CLAIMS, (*_WATCH, *_APPLY)),
    # Deleted when spec.autoscaling is removed: it would go on to set replicas.
    Use(AUTOSCALERS, (*_WATCH, *_APPLY, "delete")),
    # Made before an upgrade and by the schedule, deleted by its retention.
    Use(SNAPSHOTS, (*_WATCH, "create", "delete")),
    *status_of(SNAPSHOTS),
    # Made and deleted, never changed.
    Use(JOBS, (*_WATCH, "create", "delete")),
    # Why pods do not start, and what a snapshot's Job says at its end.
    Use(PODS, ("list",)),
    # Why a snapshot's Job makes no pod, what that pod may ask for, and when there is room.
    Use(EVENTS, ("list",)),
    Use(RANGES, ("list",)),
    Use(QUOTAS, ("list",)),
)
