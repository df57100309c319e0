"""Which image runs now: the wished one, or still (or again) the one that worked. Pure.

An image that does not become ready within the Deployment's progress deadline is given up; it is not
tried again until another one is wished. With a volume, a snapshot comes before the first pod of
another image. Each step is decided from what is there, so a killed operator goes on where it was.
The rejection is stored before the Deployment is turned back: the other order would try the same
image again.

Which image worked and which was given up is recorded where only the operator writes. A HelloWorld's
status cannot say it: a tenant who may only write HelloWorlds can make an object whose status no
operator wrote (a restored backup, an annotation that a conversion turned into status). So the facts
are annotations of a child, which such a tenant cannot write: of the claim where there is a volume,
since it outlives a Deployment that somebody deletes, else of the Deployment. Where nothing is
recorded yet, the Deployment's own controller says whether its image was ever rolled out.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kopfkit.controller import dig, items, rollout

# The one container of a pod.
CONTAINER: Final = "greeting"
# The image that was last rolled out completely, and the one that did not become ready in time.
PROVEN: Final = "test.jiaozi.com/proven-image"
REJECTED: Final = "test.jiaozi.com/rejected-image"


@dataclass(frozen=True)
class Record:
    """What is known of the images of one HelloWorld.

    Attributes:
        good: the image that was last rolled out completely, or None.
        rejected: the image that was given up, or None.
    """

    good: str | None = None
    rejected: str | None = None

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations of the child that carries the record."""
        said = {PROVEN: self.good, REJECTED: self.rejected}
        return {name: image for name, image in said.items() if image}


EMPTY: Final = Record()


@dataclass(frozen=True)
class Running:
    """What the Deployment says about its pods.

    Attributes:
        image: of the greeting container in its template.
        complete: all wished pods, and at least one, run that image and are available.
        stuck: why that does not come about, or "".
        revision: of the template, "" where its controller has not told.
        proven: its controller says that this template was rolled out completely once.
    """

    image: str
    complete: bool = False
    stuck: str = ""
    revision: str = ""
    proven: bool = False


@dataclass(frozen=True)
class Step:
    """What to do now.

    Attributes:
        run: the image of the pods.
        good: what the record of the good image becomes, and status.image.
        rejected: what the record of the rejected image becomes, and status.rejectedImage.
        snapshot: whether a snapshot has to be there first; `run` is the old image then.
        why: of a rejection that happens now, in the Deployment controller's words.
    """

    run: str
    good: str | None
    rejected: str | None
    snapshot: bool = False
    why: str = ""


def step(
    wished: str,
    good: str | None,
    rejected: str | None,
    running: Running | None,
    *,
    persistent: bool,
) -> Step:
    """What to do now.

    Args:
        wished: the image that is asked for.
        good: the image that was last rolled out completely, from a child (`known`).
        rejected: the image that was given up, from the same child.
        running: the Deployment as it is, or None.
        persistent: whether there is a volume.
    """
    rolled_out = running is not None and running.image == wished and running.complete
    if good is None or wished == good:
        return Step(wished, wished if rolled_out else good, None)
    if wished == rejected:
        return Step(good, good, rejected)
    if running is not None and running.image == wished:
        if running.complete:
            return Step(wished, wished, None)
        if running.stuck:
            # Turned back in the next step, when the rejection is stored.
            return Step(wished, good, wished, why=running.stuck)
        return Step(wished, good, None)
    if persistent and (running is None or running.image == good):
        return Step(good, good, None, snapshot=True)
    # Without a volume; or the pods have left the good image already, after a snapshot.
    return Step(wished, good, None)


def image_of(deployment: Mapping[str, Any] | None) -> str:
    """The image a Deployment asks for, or ""."""
    containers = items(dig(deployment, "spec", "template", "spec", "containers"))
    return next(
        (str(one.get("image", "")) for one in containers if one.get("name") == CONTAINER), ""
    )


def running(deployment: dict[str, Any] | None) -> Running | None:
    """The Deployment as it is, or None where there is none."""
    if deployment is None:
        return None
    image, at = image_of(deployment), rollout(deployment)
    if not at.seen:
        return Running(image)  # what it says is about the template before
    complete = at.wanted > 0 and at.complete
    return Running(image, complete, at.stalled, at.revision, at.rolled_out)


def recorded(child: Mapping[str, Any] | None) -> Record:
    """What a child of ours (None: there is none) carries."""
    good, rejected = (
        dig(child, "metadata", "annotations", note) or None for note in (PROVEN, REJECTED)
    )
    return Record(good, rejected)


def known(*carriers: Mapping[str, Any] | None, running: Running | None) -> Record:
    """What is known: the first record found, else what the Deployment itself shows.

    Args:
        carriers: our children that may carry the record, the weightiest first.
        running: the Deployment as it is, or None.
    """
    for found in map(recorded, carriers):
        if found.good:
            return found
    shown = running is not None and (running.complete or running.proven)
    return Record(running.image if running is not None and shown and running.image else None)


def token(uid: str, good: str, wished: str, revision: str) -> str:
    """What tells the snapshot before one upgrade from those before others: the same for every try
    of the same upgrade, another one when the same image is wished again later."""
    text = "\0".join((uid, good, wished, revision))
    return f"upgrade-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def is_own(image: str, wished: str | None, default: str | None) -> bool:
    """Whether an image is the operator's own, of this release or another: its arguments are known.

    Args:
        image: what runs.
        wished: spec.image.
        default: the operand's default image.
    """
    if not default or image == wished:
        return False
    return _repository(image) == _repository(default)


def _repository(image: str) -> str:
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]
