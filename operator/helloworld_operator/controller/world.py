"""One HelloWorld in one reconcile: what there is, what stands in the way, what is to be told."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from helloworld_operator.api import SNAPSHOT, hub, snapshot
from helloworld_operator.controller import names
from helloworld_operator.controller.images import IMAGES
from kopfkit.controller import Context, Findings
from kopfkit.controller.images import EMPTY, Record
from kopfkit.controller.kinds import DEPLOYMENTS, PERSISTENT_VOLUME_CLAIMS, SERVICES, Kind

Raw: TypeAlias = dict[str, Any]
SNAPSHOTS: Final = Kind.of(SNAPSHOT, snapshot.VERSION)
CLAIMS: Final = PERSISTENT_VOLUME_CLAIMS
# Seconds until a step is followed by the next one: at once, but in another turn.
SOON: Final = 0.05
# Seconds between two looks at what sends no events.
RECHECK: Final = 10.0


@dataclass
class World(Findings):
    """What is seen, found and decided about one HelloWorld.

    Attributes:
        raw: the HelloWorld as read.
        spec: its spec; None where that is not understood, or cannot be acted on.
        deployment, service, claim: its children as they are; None where there is none of its own.
        record: what is known of its images.
        last_snapshot: the newest complete one.
    """

    raw: Raw
    spec: hub.Spec | None = None
    deployment: Raw | None = None
    service: Raw | None = None
    claim: Raw | None = None
    record: Record = EMPTY
    last_snapshot: hub.LastSnapshot | None = None

    @property
    def name(self) -> str:
        """Of the HelloWorld."""
        return str(self.raw["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Of the HelloWorld."""
        return str(self.raw["metadata"]["namespace"])


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
    world.record = IMAGES.known(volume, world.deployment, running=IMAGES.running(world.deployment))
    return world
