"""The admission webhooks of an operator by name and path: what the process serves and the generator
registers. It imports nothing, so that either can read it.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

Purpose = Literal["mutate", "validate"]
FailurePolicy = Literal["Fail", "Ignore"]
PURPOSES: Final[tuple[Purpose, ...]] = ("mutate", "validate")
# OLM makes the value of a label of a name (olm, pkg/controller/install/webhook.go).
_LONGEST: Final = 63
_CONFIGURATIONS: Final = {
    "mutate": "MutatingWebhookConfiguration",
    "validate": "ValidatingWebhookConfiguration",
}


@dataclass(frozen=True)
class Hook:
    """One webhook: for the objects of one kind, in one version.

    A request through another version of the kind is converted to that version by the API server
    (matchPolicy Equivalent).

    Attributes:
        purpose: "mutate" for defaults, or "validate".
        group, version, plural, kind: of the objects.
        operations: "CREATE", "UPDATE", "DELETE".
        failure_policy: what the API server does where nobody answers, and the webhook where it
            cannot decide.
        timeout: seconds that the API server waits, 1 to 30.
    """

    purpose: Purpose
    group: str
    version: str
    plural: str
    kind: str
    operations: tuple[str, ...] = ("CREATE", "UPDATE")
    failure_policy: FailurePolicy = "Fail"
    timeout: int = 5

    @property
    def path(self) -> str:
        """Where reviews are sent to; kubebuilder's form."""
        group = self.group.replace(".", "-")
        return f"/{self.purpose}-{group}-{self.version}-{self.kind.lower()}"

    @property
    def name(self) -> str:
        """The webhook's name: what a refusal begins with, a domain of three labels at least."""
        return webhook_name(self.purpose, f"{self.plural}.{self.group}")


def webhook_name(purpose: str, crd: str) -> str:
    """A name that the API server and OLM take for a webhook about a CRD."""
    name = f"{purpose}.{crd}"
    if len(name) <= _LONGEST:
        return name
    return f"{purpose}.{hashlib.sha256(crd.encode()).hexdigest()[:16]}.webhook.kopfkit"


def configuration_name(deployment: str, purpose: Purpose) -> str:
    """The name of the webhook configuration, where OLM does not choose it.

    Args:
        deployment: of the webhook's process.
    """
    return f"{deployment}-{'mutating' if purpose == 'mutate' else 'validating'}"


def configuration_kind(purpose: Purpose) -> str:
    """The kind of the webhook configuration."""
    return _CONFIGURATIONS[purpose]
