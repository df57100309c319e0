"""Reads the API server's audit log: who wrote what, and when, to the microsecond.

The log is read as it grows. Its times are those of the API server, which runs on this machine, so
they share a clock with this process.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.plane import ACCOUNTS

WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_USER: Final = f"system:serviceaccount:{ACCOUNTS}:"


@dataclass(frozen=True, slots=True)
class Request:
    """One finished request of an operator.

    Attributes:
        account: which operator.
        verb: get, list, watch, create, update, patch, delete, ...
        resource: plural, with "/status" where it is that subresource.
        at: seconds since 1970 at which it was answered.
        code: HTTP status.
    """

    account: str
    verb: str
    resource: str
    namespace: str
    name: str
    at: float
    code: int

    @property
    def write(self) -> bool:
        """Whether it is a write that counts: everything but the Lease."""
        return self.verb in WRITES and self.resource != "leases"


class AuditLog:
    """The part of the log that was not read yet."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def skip(self) -> None:
        """Forget what is there so far."""
        self._at = self._path.stat().st_size if self._path.exists() else 0

    def new(self) -> list[Request]:
        """The requests since the last look, in order."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]  # the last line may be half written
        self._at += len(whole)
        found = (parse(line) for line in whole.splitlines())
        return [request for request in found if request is not None]


def parse(line: bytes) -> Request | None:
    """One line of the log; None if it is not a request of an operator."""
    event: Any = msgspec.json.decode(line)
    user = event["user"]["username"]
    if not user.startswith(_USER) or "objectRef" not in event:
        return None
    ref = event["objectRef"]
    resource = ref["resource"]
    if ref.get("subresource"):
        resource += f"/{ref['subresource']}"
    return Request(
        account=user.removeprefix(_USER),
        verb=event["verb"],
        resource=resource,
        namespace=ref.get("namespace", ""),
        name=ref.get("name", ""),
        at=datetime.fromisoformat(event["stageTimestamp"]).timestamp(),
        code=(event.get("responseStatus") or {}).get("code", 0),
    )
