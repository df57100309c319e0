"""What is written of an Event (events.k8s.io/v1), within the API server's limits."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kopfkit.runtime.api.client import Object

# Bytes; the API server's limits (pkg/apis/core/validation/events.go).
_NOTE: Final = 1024
_REASON: Final = 128
_INSTANCE: Final = 128


class Reporter:
    """Who reports.

    Args:
        controller: a qualified name ("helloworld-operator").
        instance: which process of it; at most 128 bytes are used.
    """

    def __init__(self, controller: str, instance: str) -> None:
        self.controller, self.instance = controller, _cut(instance, _INSTANCE)


@dataclass(frozen=True)
class Said:
    """What is said.

    Attributes:
        kind: "Normal" or "Warning".
        reason: a word for programs.
        note: for people.
        action: what was being done.
    """

    kind: str
    reason: str
    note: str
    action: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", _cut(self.reason, _REASON))
        object.__setattr__(self, "note", _cut(self.note, _NOTE))


def micro_time(moment: datetime) -> str:
    """A metav1.MicroTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def event(obj: Object, said: Said, at: str, reporter: Reporter) -> Object:
    """A new Event about an object, under a name of its own; `at` is a `micro_time`."""
    metadata = obj["metadata"]
    # An Event about something without a namespace lives in "default".
    namespace = metadata.get("namespace") or "default"
    regarding = {
        "apiVersion": obj.get("apiVersion"),
        "kind": obj.get("kind"),
        "name": metadata["name"],
        "namespace": metadata.get("namespace"),
        "uid": metadata.get("uid"),
        "resourceVersion": metadata.get("resourceVersion"),
    }
    # At most 253 characters, and no separator before the dot.
    stem = metadata["name"][: 253 - 17].rstrip(".-")
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{stem}.{secrets.token_hex(8)}", "namespace": namespace},
        "eventTime": at,
        "reportingController": reporter.controller,
        "reportingInstance": reporter.instance,
        "type": said.kind,
        "action": said.action,
        "reason": said.reason,
        "note": said.note,
        "regarding": {key: value for key, value in regarding.items() if value is not None},
    }


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, ending in "..." where something is missing."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return text
    return encoded[: limit - 3].decode(errors="ignore") + "..."
