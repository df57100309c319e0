"""What is decided before children are built: which image runs now, what to wait for, what to tell.

Here is the plain plan, which rolls out at once whatever is asked for. One that takes a snapshot
before an upgrade, or fills a volume first, has the same form.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from helloworld_operator.api import v1
from helloworld_operator.controller.observed import Problem, Waiting
from helloworld_operator.controller.records import EMPTY, Record
from helloworld_operator.controller.wish import NOTHING, PodParts
from kopfkit.runtime.client import Object, Resource
from kopfkit.runtime.errors import ApiError


@dataclass(frozen=True)
class Plan:
    """What can be done now about one HelloWorld.

    Attributes:
        image: what the pods run now; None where there is none, which a problem tells.
        own_image: whether that is the operator's default image, whose arguments are known.
        parts: what the pods have beside the greeting server.
        claim: the PersistentVolumeClaim that is wanted, or None.
        record: what the Deployment is to remember of images.
        hold: resources whose children are not touched yet: neither made nor changed.
        problems: what stands in the way of what is wanted. They change the status only.
        waiting: what has to happen first, by itself.
        fields: status fields that the plan is responsible for; None removes one.
        again: seconds after which to plan again though nothing happened, or None.
        failure: what the API server refused while it was made, to be raised once it is told.
    """

    image: str | None
    own_image: bool = False
    parts: PodParts = NOTHING
    claim: Object | None = None
    record: Record = EMPTY
    hold: frozenset[Resource] = frozenset()
    problems: tuple[Problem, ...] = ()
    waiting: Waiting | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    again: float | None = None
    failure: ApiError | None = None


# Plans for one HelloWorld as read, its spec, and our Deployment as it is. May read and write; what
# it raises (ApiError) means: try again later.
Planner: TypeAlias = Callable[[Object, v1.Spec, Object | None], Awaitable[Plan]]


class Straight:
    """Rolls out at once.

    Args:
        image: the operand's default image, or None.
    """

    def __init__(self, image: str | None) -> None:
        self._image = image

    async def __call__(self, owner: Object, spec: v1.Spec, deployment: Object | None) -> Plan:
        """The plan."""
        return Plan(
            wished_image(spec, self._image),
            own_image=not spec.image,
            problems=missing_image(spec, self._image),
        )


def wished_image(spec: v1.Spec, default: str | None) -> str | None:
    """The image that is asked for."""
    return spec.image or default


def missing_image(spec: v1.Spec, default: str | None) -> tuple[Problem, ...]:
    """The problem that there is none, or ()."""
    if wished_image(spec, default):
        return ()
    text = "no image to run: set spec.image, or RELATED_IMAGE_HELLOWORLD for the operator"
    return (Problem("ImageMissing", text),)
