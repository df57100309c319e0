"""One HelloWorld in one reconcile: what there is, what stands in the way, what is to be told."""

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from helloworld_operator.api import SNAPSHOT, hub, snapshot
from helloworld_operator.controller import images, names
from helloworld_operator.controller.images import EMPTY, Record
from kopfkit.controller import ApiError, Context, Problem, Refused
from kopfkit.controller.kinds import (
    DEPLOYMENTS,
    PERSISTENT_VOLUME_CLAIMS,
    SERVICES,
    Kind,
)

Raw: TypeAlias = dict[str, Any]
SNAPSHOTS: Final = Kind.of(SNAPSHOT, snapshot.VERSION)
CLAIMS: Final = PERSISTENT_VOLUME_CLAIMS
# Seconds until a step is followed by the next one: at once, but in another turn.
SOON: Final = 0.05
# Seconds between two looks at what sends no events.
RECHECK: Final = 10.0


@dataclass
class World:
    """What is seen, found and decided about one HelloWorld.

    Attributes:
        raw: the HelloWorld as read.
        spec: its spec; None where that is not understood, or cannot be acted on.
        deployment, service, claim: its children as they are; None where there is none of its own.
        record: what is known of its images.
        last_snapshot: the newest complete one.
        problems: what stands in the way of what is wanted, the gravest first.
        troubles: why pods do not start, the gravest first.
        waiting: what has to happen first, by itself.
        failure: what the API server refused, for another try once it is told.
    """

    raw: Raw
    spec: hub.Spec | None = None
    deployment: Raw | None = None
    service: Raw | None = None
    claim: Raw | None = None
    record: Record = EMPTY
    last_snapshot: hub.LastSnapshot | None = None
    problems: list[Problem] = field(default_factory=list)
    troubles: tuple[Problem, ...] = ()
    waiting: Problem | None = None
    failure: ApiError | None = None

    @property
    def name(self) -> str:
        """Of the HelloWorld."""
        return str(self.raw["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Of the HelloWorld."""
        return str(self.raw["metadata"]["namespace"])

    def problem(self, reason: str, message: str) -> None:
        """Note what only a person can mend."""
        self.problems.append(Problem(reason, message))

    def wait(self, reason: str, message: str) -> None:
        """Note what has to happen first; what was noted before goes before it."""
        self.waiting = self.waiting or Problem(reason, message)

    def refuse(self, refused: Refused) -> None:
        """Note what the API server refused."""
        self.problem(refused.reason, refused.message)
        self.failure = refused.error


def observe(raw: Raw, spec: hub.Spec | None, ctx: Context) -> World:
    """What there is of a HelloWorld."""
    name = raw["metadata"]["name"]
    child = names.child_name(name)
    world = World(
        raw,
        spec,
        ctx.child(DEPLOYMENTS, child),
        ctx.child(SERVICES, child),
        ctx.child(CLAIMS, names.claim_name(name)),
    )
    # Without persistence the Deployment remembers; a claim of before is of no account.
    volume = world.claim if spec is None or spec.persistence is not None else None
    world.record = images.known(volume, world.deployment, running=images.running(world.deployment))
    return world
