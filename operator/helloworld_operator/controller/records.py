"""Which image worked, and which was given up: recorded where only the operator writes. Pure.

A HelloWorld's status cannot say it: a tenant who may only write HelloWorlds can make an object
whose status no operator wrote (a restored backup, an annotation that a conversion turned into
status). So the facts are annotations of a child, which such a tenant cannot write: of the claim
where there is a volume, since it outlives a Deployment that somebody deletes, else of the
Deployment. Where nothing is recorded yet, the Deployment's own controller says whether its image
was ever rolled out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from helloworld_operator.controller.observe import mapping
from helloworld_operator.controller.upgrades import Running

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

    @property
    def fields(self) -> dict[str, str | None]:
        """The status fields that show it; None removes one."""
        return {"image": self.good, "rejectedImage": self.rejected}


EMPTY: Final = Record()


def recorded(child: Mapping[str, Any] | None) -> Record:
    """What a child of ours (None: there is none) carries."""
    annotations = mapping(mapping(mapping(child).get("metadata")).get("annotations"))
    good, rejected = annotations.get(PROVEN), annotations.get(REJECTED)
    return Record(str(good) if good else None, str(rejected) if rejected else None)


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
