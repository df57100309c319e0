"""What a Job's command says at its end: one JSON object as the pod's termination message.

The kubelet reads it from a file and puts it into the pod's status, where the controller finds it
(`JobState.outcome`): the Job needs no access to the API for it. The standard library only.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kopfkit.errors import KopfkitError

__all__ = [
    "DEFAULT_PATH",
    "HOPELESS",
    "Hopeless",
    "failures_told",
    "tell",
]

# The kubelet's default path (Container.terminationMessagePath), and how much it reads of it.
DEFAULT_PATH: Final = "/dev/termination-log"
_LIMIT: Final = 4096
# Exit code of a failure that another try would not mend, for `one_shot(final=...)`.
HOPELESS: Final = 3


class Hopeless(KopfkitError):
    """A failure that another try would not mend."""


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


@contextmanager
def failures_told() -> Iterator[None]:
    """Tell a KopfkitError before it ends the process; exit code HOPELESS if it is `Hopeless`."""
    try:
        yield
    except KopfkitError as error:
        tell({"error": f"{error.what}: {error.why}"})
        if isinstance(error, Hopeless):
            print(f"error: {error}", file=sys.stderr)
            sys.exit(HOPELESS)
        raise
