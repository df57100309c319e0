"""What one reconcile saw, as one value: all that a status is made of, and nothing that acts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from helloworld_operator.api import v1
from helloworld_operator.controller.observe import AUTOSCALERS, CLAIMS, DEPLOYMENTS, SERVICES
from kopfkit.controller import Problem
from kopfkit.runtime.client import Object, Resource

__all__ = ["Observed", "Problem", "Waiting"]


@dataclass(frozen=True)
class Waiting:
    """What has to happen before we can go on, by itself: a reason for programs, a sentence."""

    reason: str
    message: str


@dataclass(frozen=True)
class Observed:
    """All that the status is made of.

    Attributes:
        owner: the HelloWorld as read.
        spec: its spec, or None where that is not understood.
        children: our children as they are, by resource; None where there is none of ours.
        problems: what stands in the way of what is wanted, the gravest first.
        troubles: why pods do not start, the gravest first.
        waiting: what has to happen before we can go on, or None.
        fields: further status fields, from what planned them; None removes one.
    """

    owner: Object
    spec: v1.Spec | None = None
    children: Mapping[Resource, Object | None] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    troubles: tuple[Problem, ...] = ()
    waiting: Waiting | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def deployment(self) -> Object | None:
        """Our Deployment."""
        return self.children.get(DEPLOYMENTS)

    @property
    def service(self) -> Object | None:
        """Our Service."""
        return self.children.get(SERVICES)

    @property
    def autoscaler(self) -> Object | None:
        """Our HorizontalPodAutoscaler."""
        return self.children.get(AUTOSCALERS)

    @property
    def claim(self) -> Object | None:
        """Our PersistentVolumeClaim."""
        return self.children.get(CLAIMS)
