"""HelloWorld's operator: its two controllers, its conversion and its admission."""

from collections.abc import Callable
from datetime import datetime

from helloworld_operator.api.admission import ADMISSION
from helloworld_operator.api.conversion import CONVERTER
from helloworld_operator.controller import helloworlds, snapshots
from helloworld_operator.identity import IDENTITY
from kopfkit.controller import Operator
from kopfkit.controller.schedules import utc_now


def operator(image: str | None, now: Callable[[], datetime] = utc_now) -> Operator:
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
        admission=ADMISSION,
        conditions=IDENTITY.conditions,
    )
