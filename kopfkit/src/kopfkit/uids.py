"""The uid of a request from the API server that cannot be read as a whole.

A review without the request's uid is no answer, so it is looked for in what there is.
"""

import re
from typing import Any, Final

# Bytes in which it is looked for: the API server writes kind, apiVersion and request.uid first.
HEAD: Final = 1024
_UID: Final = re.compile(rb'"uid"\s*:\s*"([^"\\]{1,128})"')


def uid_hint(body: Any) -> str:
    """The request's uid out of a body that cannot be decoded, "" if it is not near the start."""
    head = body[:HEAD]
    found = _UID.search(head.encode(errors="replace") if isinstance(head, str) else head)
    return found[1].decode(errors="replace") if found else ""
