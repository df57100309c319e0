"""Which image runs now: the wished one, or still (or again) the one that worked. Pure.

An image that does not become ready within the Deployment's progress deadline is given up; it is not
tried again until another one is wished. With a volume, a copy of it comes before the first pod of
another image. Each step is decided from what is there, so a killed operator goes on where it was.
The rejection is stored before the Deployment is turned back: the other order would try the same
image again.

Which image worked and which was given up is recorded where only the operator writes. An object's
status cannot say it: a tenant who may only write such objects can make one whose status nobody's
operator wrote (a restored backup, an annotation that a conversion turned into status). So the facts
are annotations of a child, which such a tenant cannot write: of the claim where there is a volume,
since it outlives a Deployment that somebody deletes, else of the Deployment. Where nothing is
recorded yet, the Deployment's own controller says whether its image was ever rolled out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kopfkit.controller.owners import dig, items
from kopfkit.controller.rollouts import rollout

__all__ = [
    "EMPTY",
    "Images",
    "Record",
    "Running",
    "Step",
    "is_own",
    "step",
]


@dataclass(frozen=True)
class Record:
    """What is known of the images of one object's pods.

    Attributes:
        good: the image that was last rolled out completely, or None.
        rejected: the image that was given up, or None.
    """

    good: str | None = None
    rejected: str | None = None


EMPTY: Final = Record()


@dataclass(frozen=True)
class Running:
    """What the Deployment says about its pods.

    Attributes:
        image: of the container in its template.
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
        good: what the record of the good image becomes.
        rejected: what the record of the rejected image becomes.
        snapshot: whether a copy of the volume has to be there first; `run` is the old image then.
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
        good: the image that was last rolled out completely, from a child (`Images.known`).
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
    # Without a volume; or the pods have left the good image already, after a copy.
    return Step(wished, good, None)


@dataclass(frozen=True)
class Images:
    """The image of one container of a Deployment, as it runs and as it is recorded.

    Args:
        container: its name.
        proven: the annotation that holds the image that was last rolled out completely.
        rejected: the annotation that holds the one that did not become ready in time.
    """

    container: str
    proven: str
    rejected: str

    def of(self, deployment: Mapping[str, Any] | None) -> str:
        """The image that a Deployment asks for, or ""."""
        containers = items(dig(deployment, "spec", "template", "spec", "containers"))
        found = (str(one.get("image", "")) for one in containers if self._is_it(one))
        return next(found, "")

    def running(self, deployment: dict[str, Any] | None) -> Running | None:
        """The Deployment as it is, or None where there is none."""
        if deployment is None:
            return None
        image, at = self.of(deployment), rollout(deployment)
        if not at.seen:
            return Running(image)  # what it says is about the template before
        complete = at.wanted > 0 and at.complete
        return Running(image, complete, at.stalled, at.revision, at.rolled_out)

    def annotations(self, record: Record) -> dict[str, str]:
        """The annotations of the child that carries a record."""
        said = {self.proven: record.good, self.rejected: record.rejected}
        return {name: image for name, image in said.items() if image}

    def recorded(self, child: Mapping[str, Any] | None) -> Record:
        """What a child of ours (None: there is none) carries."""
        good, rejected = (
            dig(child, "metadata", "annotations", note) or None
            for note in (self.proven, self.rejected)
        )
        return Record(good, rejected)

    def known(self, *carriers: Mapping[str, Any] | None, running: Running | None) -> Record:
        """What is known: the first record found, else what the Deployment itself shows.

        Args:
            carriers: our children that may carry the record, the weightiest first.
            running: the Deployment as it is, or None.
        """
        for found in map(self.recorded, carriers):
            if found.good:
                return found
        shown = running is not None and (running.complete or running.proven)
        return Record(running.image if running is not None and shown and running.image else None)

    def _is_it(self, container: Mapping[str, Any]) -> bool:
        return container.get("name") == self.container


def is_own(image: str, wished: str | None, default: str | None) -> bool:
    """Whether an image is the operator's own, of this release or another: its arguments are known.

    Args:
        image: what runs.
        wished: the image that the object's spec names.
        default: the image that runs where it names none.
    """
    if not default or image == wished:
        return False
    return _repository(image) == _repository(default)


def _repository(image: str) -> str:
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]
