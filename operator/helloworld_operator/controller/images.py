"""The image of the greeting server; which one runs when is `kopfkit.controller.images`."""

import hashlib
from typing import Final

from kopfkit.controller.images import Images

# The one container of a pod.
CONTAINER: Final = "greeting"
IMAGES: Final = Images(
    CONTAINER, proven="test.jiaozi.com/proven-image", rejected="test.jiaozi.com/rejected-image"
)


def token(uid: str, good: str, wished: str, revision: str) -> str:
    """What tells the snapshot before one upgrade from those before others: the same for every try
    of the same upgrade, another one when the same image is wished again later."""
    text = "\0".join((uid, good, wished, revision))
    return f"upgrade-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
