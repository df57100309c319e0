"""What a snapshot is taken of: whether it can be copied now, where, and into how large a claim."""

from dataclasses import dataclass
from typing import Any

from helloworld_operator.api import HELLOWORLD, hub
from helloworld_operator.api import snapshot as api
from helloworld_operator.controller import desired, names
from helloworld_operator.controller.images import IMAGES
from helloworld_operator.controller.retention import MADE_BY, OF_UID
from kopfkit.controller import (
    Context,
    InvalidSpec,
    Object,
    Waiting,
    capacity,
    decode_spec,
    dig,
    is_true,
    items,
    larger,
    owned_by,
)
from kopfkit.controller import claim as wanted_claim
from kopfkit.controller.kinds import DEPLOYMENTS, PERSISTENT_VOLUME_CLAIMS, SERVICES, Kind

HELLOWORLDS = Kind.of(HELLOWORLD, hub.VERSION)


@dataclass(frozen=True)
class Original:
    """A HelloWorld that can be copied.

    Attributes:
        url: where its guest book answers.
        resources: what its pods ask for.
        persistence: its volume, as wished.
        claim: its claim as it is, or None where it was not seen yet.
    """

    url: str
    resources: dict[str, Any]
    persistence: hub.Persistence
    claim: dict[str, Any] | None


async def find(name: str, ctx: Context) -> Original:
    """The HelloWorld.

    Raises:
        Waiting: why it cannot be copied now.
    """
    source = await ctx.get(HELLOWORLDS, name)
    if source is None or source["metadata"].get("deletionTimestamp"):
        text = f"HelloWorld {name} does not exist: create it, or delete this snapshot"
        raise Waiting("SourceMissing", text, requeue_after=None)
    try:
        spec = decode_spec(source, hub.Spec)
    except InvalidSpec as error:
        text = f"HelloWorld {name} cannot be decoded: {error}"
        raise Waiting("SourceNotAvailable", text, requeue_after=None) from error
    if spec.persistence is None:
        text = f"HelloWorld {name} has no volume: add spec.persistence to it"
        raise Waiting("SourceNotPersistent", text, requeue_after=None)
    if not await _answers(source, ctx):
        text = (
            f"HelloWorld {name} has no pod that answers with its guest book: a copy is "
            "fetched from the running one, as soon as it is available"
        )
        raise Waiting("SourceNotAvailable", text, requeue_after=None)
    volume = await ctx.get(PERSISTENT_VOLUME_CLAIMS, names.claim_name(name))
    address, resources = desired.url(source, spec), desired.resources(spec)
    return Original(address, resources, spec.persistence, volume)


async def resources(snapshot: Object[api.Spec, api.Status], ctx: Context) -> dict[str, Any] | None:
    """What the pods of the HelloWorld ask for; None where that cannot be known."""
    source = await ctx.get(HELLOWORLDS, snapshot.spec.hello_world_name)
    try:
        return desired.resources(decode_spec(source, hub.Spec)) if source is not None else None
    except InvalidSpec:
        return None


async def vanished(snapshot: dict[str, Any], ctx: Context) -> bool:
    """Whether the operator made this snapshot for a HelloWorld that is gone, and it holds
    nothing. One of the same name that was made since is another one."""
    labels = snapshot["metadata"].get("labels") or {}
    if not labels.get(OF_UID) or MADE_BY not in labels:
        return False
    if is_true(snapshot.get("status"), "Ready"):
        return False
    name = str(dig(snapshot, "spec", "helloWorldName"))
    for fresh in (False, True):
        source = await ctx.get(HELLOWORLDS, name, fresh=fresh)
        if source is not None and source["metadata"]["uid"] == labels[OF_UID]:
            return False
    return True


def claim(original: Original, spec: api.Spec, name: str) -> dict[str, Any]:
    """The claim of a snapshot.

    Args:
        original: what is copied.
        spec: the snapshot's; what it leaves out is as the original has it.
        name: of the claim.
    """
    wished = original.persistence
    size = str(spec.size) if spec.size is not None else ""
    size = size or larger(str(wished.size), capacity(original.claim))
    metadata = {"name": name, "labels": names.common_labels("snapshot")}
    storage = spec.storage_class_name or wished.storage_class_name
    return wanted_claim(metadata, size, storage_class=storage)


async def _answers(source: dict[str, Any], ctx: Context) -> bool:
    """Whether all its pods run as wished, with the volume, behind a Service of ours.

    What another Service of that name answers is not this guest book.
    """
    name = source["metadata"]["name"]
    child = names.child_name(name)
    live, service = await ctx.get(DEPLOYMENTS, child), await ctx.get(SERVICES, child)
    if not owned_by(live, source) or not owned_by(service, source):
        return False
    found = IMAGES.running(live)
    mounts = items(dig(live, "spec", "template", "spec", "volumes"))
    wanted = {"claimName": names.claim_name(name)}
    mounted = any(each.get("persistentVolumeClaim") == wanted for each in mounts)
    return found is not None and found.complete and mounted
