"""Controllers: an operator assembled from the parts of `kopfkit.runtime`.

An operator is its types, a reconcile for each kind, and one `Operator`:

    OPERATOR = Operator(
        "memcached-operator", "0.1.0",
        [Controller(MEMCACHED, V1, reconcile=reconcile).owns(DEPLOYMENTS)],
    )

    if __name__ == "__main__":
        OPERATOR.main()

The manager runs leader election, caches, queues, health, metrics, traces, Events, storage version
migration and the protection of the conversion. Public are the names of this module and of
`kopfkit.controller.kinds`; they are imported when they are used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kopfkit.controller.context import Context
    from kopfkit.controller.controllers import Controller
    from kopfkit.controller.objects import Metadata, Object
    from kopfkit.controller.operators import Operator
    from kopfkit.controller.outcome import KindMissing, Refused, Result, Terminal, Waiting
    from kopfkit.controller.rollout import Rollout, rollout
    from kopfkit.controller.settings import Settings

__all__ = [
    "Context",
    "Controller",
    "KindMissing",
    "Metadata",
    "Object",
    "Operator",
    "Refused",
    "Result",
    "Rollout",
    "Settings",
    "Terminal",
    "Waiting",
    "rollout",
]

_MODULES = {
    "Context": "context",
    "Controller": "controllers",
    "KindMissing": "outcome",
    "Metadata": "objects",
    "Object": "objects",
    "Operator": "operators",
    "Refused": "outcome",
    "Result": "outcome",
    "Rollout": "rollout",
    "Settings": "settings",
    "Terminal": "outcome",
    "Waiting": "outcome",
    "rollout": "rollout",
}


def __getattr__(name: str) -> Any:
    # The webhook's process imports this package, and none of these.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found
