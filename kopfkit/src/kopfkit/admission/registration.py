"""The webhook configurations that have the API server ask a webhook.

A webhook is registered for the version that its functions are written for; matchPolicy Equivalent
has the API server convert what is written through the others.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from kopfkit.admission.hooks import PURPOSES, Hook, configuration_kind, configuration_name

Object = dict[str, Any]
# What is being deleted must be able to lose its finalizers, also while nobody answers.
_CONDITIONS: Final = [
    {
        "name": "not-being-deleted",
        "expression": "request.operation != 'UPDATE' || !has(oldObject.metadata.deletionTimestamp)",
    }
]


def by_purpose(hooks: Iterable[Hook]) -> dict[Any, list[Hook]]:
    """The webhooks of each purpose that there are any of, in the order in which they are asked."""
    known = [*hooks]
    found = {purpose: [each for each in known if each.purpose == purpose] for purpose in PURPOSES}
    return {purpose: some for purpose, some in found.items() if some}


def configurations(
    deployment: str,
    hooks: Iterable[Hook],
    client: Callable[[Hook], Mapping[str, Any]],
    *,
    suffix: str = "",
) -> list[Object]:
    """The webhook configurations, their metadata with a name only.

    Args:
        deployment: of the webhook's process; begins their names.
        client: `clientConfig`: how the API server reaches a webhook.
        suffix: of their names.
    """
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": configuration_kind(purpose),
            "metadata": {"name": configuration_name(deployment, purpose) + suffix},
            "webhooks": [
                {
                    "name": hook.name,
                    "admissionReviewVersions": ["v1"],
                    "clientConfig": dict(client(hook)),
                    **asked(hook),
                    "matchConditions": _CONDITIONS,
                }
                for hook in some
            ],
        }
        for purpose, some in by_purpose(hooks).items()
    ]


def asked(hook: Hook) -> Object:
    """When a webhook is asked, and what holds where it does not answer; as OLM writes it too."""
    return {
        "failurePolicy": hook.failure_policy,
        "matchPolicy": "Equivalent",
        "rules": [
            {
                "apiGroups": [hook.group],
                "apiVersions": [hook.version],
                "operations": list(hook.operations),
                "resources": [hook.plural],
                "scope": "*",
            }
        ],
        "sideEffects": "None",
        "timeoutSeconds": hook.timeout,
    }
