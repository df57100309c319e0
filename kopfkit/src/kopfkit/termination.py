"""What a Job's container says at its end: one JSON object as the pod's termination message.

The kubelet reads it from a file and puts it into the pod's status, where the controller finds it:
the Job needs no access to the API for it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from helloworld_operator.copies.archive import Description
from kopfkit.errors import KopfkitError

# The kubelet's default path (Container.terminationMessagePath), and how much it reads of it.
DEFAULT_PATH: Final = "/dev/termination-log"
_LIMIT: Final = 4096
# Exit code of a failure that another try would not mend; the Job ends at once (podFailurePolicy).
HOPELESS: Final = 3


class Hopeless(KopfkitError):
    """A failure that another try would not mend."""


def success(description: Description, *, restored: bool | None = None) -> dict[str, object]:
    """The outcome of a complete copy; `restored` is False where there was data already."""
    return {**asdict(description), **({} if restored is None else {"restored": restored})}


def failure(error: KopfkitError) -> dict[str, object]:
    """The outcome of a failure."""
    return {"error": f"{error.what}: {error.why}"}


def tell(outcome: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> None:
    """Write the outcome where the kubelet looks ($TERMINATION_LOG, for elsewhere)."""
    text = json.dumps(outcome)
    if len(text) > _LIMIT:
        text = json.dumps({"error": str(outcome.get("error", ""))[: _LIMIT // 8]})
    path = Path(environment.get("TERMINATION_LOG") or DEFAULT_PATH)
    try:
        # Outside a pod there is no such file, and none shall be made in /dev.
        with path.open("r+" if path == Path(DEFAULT_PATH) else "w") as file:
            file.truncate()
            file.write(text)
    except OSError:
        pass  # the log says it, too
