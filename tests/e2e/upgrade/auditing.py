"""What every reply about an object has to say: its content, in the version that was asked for.

One writer an object. It raises `begun` before it sends a change and `done` when the change was
answered, so that a reply is right if its message is one of those in between; everything else in
the object never changes.
"""

from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]


@dataclass
class Subject:
    """One object and what it has to contain.

    Attributes:
        name: its name.
        rich: it has content that only v1 knows.
        begun, done: the number of the change that was sent, and of the last one that was answered.
    """

    name: str
    rich: bool
    begun: int = 0
    done: int = 0
    writing: bool = field(default=False, repr=False)

    def message(self, number: int) -> str:
        """The message after a number of changes."""
        return f"{self.name} ist bei {number} 🌍"

    def spec(self, version: str, number: int) -> Object:
        """The spec after a number of changes, as a version shows it."""
        message = self.message(number)
        if version == "v1alpha1":
            return {"size": 0, "message": message}
        if not self.rich:
            return {"replicas": 0, "greeting": {"message": message}}
        return {
            "replicas": 0,
            "greeting": {"message": message, "language": "de"},
            "service": {"type": "ClusterIP", "port": 8081},
        }

    def fault(self, found: Object, version: str, earliest: int) -> str:
        """What is wrong with a reply that was asked for when `earliest` changes were answered; ""
        if nothing is."""
        spec = found.get("spec")
        expected = [self.spec(version, number) for number in range(earliest, self.begun + 1)]
        if found.get("apiVersion", "").rpartition("/")[2] != version:
            return f"{self.name} came as {found.get('apiVersion')}, not {version}"
        if spec not in expected:
            return f"{self.name} in {version} is {spec}, not {expected[0]} … {expected[-1]}"
        return ""


@dataclass
class Record:
    """What the clients have met.

    Attributes:
        calls: calls that were answered, by (verb, version).
        failures: hard ones: what every client has to take for an error.
        wrong: replies and watch events of success with wrong content.
        retried: 429 with Retry-After, which every client library sends again.
        conflicts: 409 of an optimistic write: another writer (the controller) was faster.
        closed: watches that ended in order.
    """

    calls: dict[tuple[str, str], int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    retried: int = 0
    conflicts: int = 0
    closed: int = 0
    events: int = 0

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())

    def count(self, verb: str, version: str) -> None:
        """One more call."""
        self.calls[verb, version] = self.calls.get((verb, version), 0) + 1

    def row(self) -> str:
        """One row of the table."""
        return (
            f"calls {self.total}, failed {len(self.failures)}, 429 {self.retried}, "
            f"wrong {len(self.wrong)}, watches closed {self.closed}, events {self.events}, "
            f"conflicts {self.conflicts}"
        )
