"""The table of children: what each kind is, who builds it, and what becomes of one that is no
longer wanted. Another child is another line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from helloworld_operator.controller import autoscaling, claims, desired, names
from helloworld_operator.controller.observe import AUTOSCALERS, CLAIMS, DEPLOYMENTS, SERVICES
from helloworld_operator.controller.wish import Object, Wish
from kopfkit.runtime.client import Resource
from kopfkit.runtime.schemas import Schema


def _as_wanted(wish: Wish, wanted: Object) -> Object:
    return wanted


@dataclass(frozen=True)
class Kind:
    """One kind of child.

    Attributes:
        resource: where it lives.
        kind: its name in the API.
        build: the child that is wanted (pure), or None.
        schema: what contradicts it, and what of it is ours alone.
        first: the child as it is created, where that is more than is wanted afterwards.
        name: of the child, from the HelloWorld's name.
        remove: whether ours is deleted when it is no longer wanted.
        given_away: fields (paths in managedFields) that are left to others, at the value they have,
            where they are not wanted.
    """

    resource: Resource
    kind: str
    build: Callable[[Wish], Object | None]
    schema: Schema = field(hash=False)
    first: Callable[[Wish, Object], Object] = _as_wanted
    name: Callable[[str], str] = names.child_name
    remove: bool = False
    given_away: tuple[tuple[str, ...], ...] = ()


# In the order in which they are made. What is to be removed goes first.
KINDS: Final = (
    # Never removed: an edit must not destroy data. It goes with the HelloWorld.
    Kind(
        CLAIMS,
        "PersistentVolumeClaim",
        lambda wish: wish.claim,
        claims.CLAIMS,
        name=names.claim_name,
    ),
    Kind(
        DEPLOYMENTS,
        "Deployment",
        desired.deployment,
        claims.DEPLOYMENTS,
        first=autoscaling.first_deployment,
        given_away=(("f:spec", "f:replicas"),),
    ),
    Kind(SERVICES, "Service", desired.service, claims.SERVICES),
    Kind(
        AUTOSCALERS,
        "HorizontalPodAutoscaler",
        autoscaling.autoscaler,
        claims.AUTOSCALERS,
        remove=True,
    ),
)
