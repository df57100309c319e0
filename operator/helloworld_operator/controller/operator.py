"""HelloWorld's operator: its two controllers, and the conversion between the API's versions."""

from collections.abc import Callable
from datetime import datetime

from helloworld_operator.api.conversion import CONVERTER
from helloworld_operator.controller import helloworlds, snapshots
from helloworld_operator.identity import IDENTITY
from kopfkit.controller import Operator


def operator(image: str | None, now: Callable[[], datetime] = helloworlds.utc_now) -> Operator:
    """The operator.

    Args:
        image: the operand's default image, and that of Jobs; None where it is not known.
        now: the time (UTC).
    """
    return Operator(
        IDENTITY.name,
        IDENTITY.version,
        [helloworlds.controller(image, now), snapshots.controller(image)],
        conversion=CONVERTER,
        conditions=IDENTITY.conditions,
    )
