"""Which image runs now: the wished one, or still (or again) the one that worked. Pure.

The state is in the cluster, on children (`records`): the image that was last rolled out completely,
and the one that was given up. The status shows both and decides nothing. An image that does not
become ready within the Deployment's progress deadline is given up; it is not tried again until
another one is wished. With a volume, a snapshot comes before the first pod of another image.

Each step is decided from what is there, so a killed operator goes on where it was. The rejection is
stored before the Deployment is turned back: the other order would try the same image again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helloworld_operator.controller.observe import mapping
from kopfkit.controller import rollout


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
        good: the image that was last rolled out completely, from a child (`records.known`).
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


def running(deployment: Mapping[str, Any] | None, container: str) -> Running | None:
    """The Deployment as it is, or None where there is none.

    Args:
        deployment: as read.
        container: name of the container whose image is meant.
    """
    if deployment is None:
        return None
    spec = mapping(deployment.get("spec"))
    template = mapping(mapping(spec.get("template")).get("spec"))
    image = next(
        (
            str(each.get("image", ""))
            for each in map(mapping, template.get("containers") or [])
            if each.get("name") == container
        ),
        "",
    )
    at = rollout(dict(deployment))
    if not at.seen:
        return Running(image)  # what it says is about the template before
    complete = at.wanted > 0 and at.complete
    return Running(image, complete, at.stalled, at.revision, at.rolled_out)


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
