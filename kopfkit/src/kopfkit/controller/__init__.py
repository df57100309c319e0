"""Controllers: an operator assembled from the parts of `kopfkit.runtime`.

An operator is its types, a reconcile for each kind, and one `Operator`:

    OPERATOR = Operator(
        "memcached-operator", "0.1.0",
        [Controller(MEMCACHED, V1, reconcile=reconcile).owns(DEPLOYMENTS)],
    )

    if __name__ == "__main__":
        OPERATOR.main()

The manager runs leader election, caches, queues, health, metrics, traces, Events, storage version
migration and the protection of the conversion. Public are the names of this module, which are
imported when they are used, and the modules `commands`, `images`, `kinds`, `limits`, `names`,
`schedules` and `verdicts`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kopfkit.controller.admission import Admission
    from kopfkit.controller.conditions import conditions_of, decide, is_true, see
    from kopfkit.controller.context import Context
    from kopfkit.controller.controllers import Controller
    from kopfkit.controller.decoding import decode_spec
    from kopfkit.controller.errors import ApiError, InvalidSpec
    from kopfkit.controller.fielderrors import FieldError, FieldFinding, FieldWarning
    from kopfkit.controller.findings import Findings
    from kopfkit.controller.identity import Identity
    from kopfkit.controller.objects import Metadata, Object, Undecoded
    from kopfkit.controller.operators import Operator
    from kopfkit.controller.outcome import (
        KindMissing,
        Problem,
        Refused,
        Result,
        Stopped,
        Terminal,
        Waiting,
    )
    from kopfkit.controller.owners import dig, items, owned_by
    from kopfkit.controller.podrules import exclusive_pods, exclusive_services
    from kopfkit.controller.podspecs import one_shot, restricted_container, restricted_pod
    from kopfkit.controller.rollouts import Rollout, rollout
    from kopfkit.controller.services import misdirected, port_to
    from kopfkit.controller.settings import Settings
    from kopfkit.controller.volumeclaims import capacity, claim, growing, infeasible, larger

__all__ = [
    "Admission",
    "ApiError",
    "Context",
    "Controller",
    "FieldError",
    "FieldFinding",
    "FieldWarning",
    "Findings",
    "Identity",
    "InvalidSpec",
    "KindMissing",
    "Metadata",
    "Object",
    "Operator",
    "Problem",
    "Refused",
    "Result",
    "Rollout",
    "Settings",
    "Stopped",
    "Terminal",
    "Undecoded",
    "Waiting",
    "capacity",
    "claim",
    "conditions_of",
    "decide",
    "decode_spec",
    "dig",
    "exclusive_pods",
    "exclusive_services",
    "growing",
    "infeasible",
    "is_true",
    "items",
    "larger",
    "misdirected",
    "one_shot",
    "owned_by",
    "port_to",
    "restricted_container",
    "restricted_pod",
    "rollout",
    "see",
]

_MODULES = {
    "restricted_pod": "podspecs",
    "restricted_container": "podspecs",
    "port_to": "services",
    "one_shot": "podspecs",
    "misdirected": "services",
    "claim": "volumeclaims",
    "Findings": "findings",
    "Admission": "admission",
    "ApiError": "errors",
    "Context": "context",
    "Controller": "controllers",
    "FieldError": "fielderrors",
    "FieldFinding": "fielderrors",
    "FieldWarning": "fielderrors",
    "Identity": "identity",
    "InvalidSpec": "errors",
    "KindMissing": "outcome",
    "Metadata": "objects",
    "Object": "objects",
    "Operator": "operators",
    "Problem": "outcome",
    "Refused": "outcome",
    "Result": "outcome",
    "Rollout": "rollouts",
    "Settings": "settings",
    "Stopped": "outcome",
    "Terminal": "outcome",
    "Undecoded": "objects",
    "Waiting": "outcome",
    "capacity": "volumeclaims",
    "conditions_of": "conditions",
    "decide": "conditions",
    "decode_spec": "decoding",
    "exclusive_pods": "podrules",
    "exclusive_services": "podrules",
    "growing": "volumeclaims",
    "infeasible": "volumeclaims",
    "is_true": "conditions",
    "dig": "owners",
    "items": "owners",
    "larger": "volumeclaims",
    "owned_by": "owners",
    "rollout": "rollouts",
    "see": "conditions",
}


def __getattr__(name: str) -> Any:
    # The webhook's process imports this package, and none of these.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found
