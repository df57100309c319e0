"""Whether a public image registry can be reached, asked quickly and not asked again at once.

`docker pull` waits for minutes where a firewall drops packets; in a closed network every `up` would
pay for that.
"""

import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

from kopfkit.host import files, paths

# Seconds for the first answer: an unhurried registry needs one.
TIMEOUT = 5.0
# Seconds for which "no" is believed. Short, as a train leaves a tunnel.
MEMORY = 3600.0
# Set to anything, it makes kopfkit ask again.
VARIABLE = "KOPFKIT_PULL"
# Docker's short name for its registry, and the host that serves it.
_HUB, _HUB_HOST = "docker.io", "registry-1.docker.io"


def registry_of(image: str) -> str:
    """The host (and port) of the registry of an image reference."""
    first, slash, _ = image.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else _HUB


def refused(image: str) -> bool:
    """Whether the image's registry is known not to give it, from an earlier try."""
    if os.environ.get(VARIABLE):
        return False
    return time.time() - _known().get(image, 0.0) < MEMORY


def remember(image: str, given: bool) -> None:
    """Note whether the image could be pulled."""
    known = _known()
    if given and image not in known:
        return
    known.pop(image, None)
    if not given:
        known[image] = time.time()
    files.write(_file(), json.dumps(known, indent=2) + "\n")


def answers(image: str) -> bool:
    """Whether the image's registry answers at all, with whatever status, within `TIMEOUT` s."""
    host = registry_of(image)
    url = f"https://{_HUB_HOST if host == _HUB else host}/v2/"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError as error:
        # A certificate that Python does not trust may be one that the engine does.
        return "CERTIFICATE" in str(error).upper()


def _file() -> Path:
    return paths.cache_dir() / "refused.json"


def _known() -> dict[str, float]:
    try:
        record = json.loads(_file().read_text())
        return {str(image): float(when) for image, when in record.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
