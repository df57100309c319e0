"""The outcomes of a reconcile: a `Result`, or one of the exceptions by which it stops early."""

from dataclasses import dataclass
from datetime import timedelta

from kopfkit.runtime.api.errors import ApiError

# Between two looks at something that sends no events.
RECHECK = timedelta(seconds=30)


@dataclass(frozen=True)
class Result:
    """A reconcile that came to its end.

    Attributes:
        requeue_after: reconcile again after this time though nothing happened; None for not.
        error: raised once the status is written, so that the reconcile is tried again with a
            growing delay: a refusal that the reconcile has told in its own conditions.
    """

    requeue_after: timedelta | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class Problem:
    """Something to be told in a condition: a reason for programs, a sentence for people."""

    reason: str
    message: str


class Stopped(Exception):
    """A reconcile that stops early: the base of `Terminal` and `Waiting`."""

    def __init__(
        self, reason: str, message: str, *, requeue_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.reason, self.message, self.requeue_after = reason, message, requeue_after


class Terminal(Stopped):
    """Only a change of the object, or a person, can help: Degraded is True until then.

    Args:
        reason: a CamelCase word for programs.
        message: a sentence for people.
        requeue_after: look again after this time; None waits for the next event.
    """


class Waiting(Stopped):
    """Something has to happen first, by itself: Progressing is True until then.

    Args:
        reason: a CamelCase word for programs.
        message: a sentence for people.
        requeue_after: look again after this time; None waits for the next event.
    """

    def __init__(
        self, reason: str, message: str, *, requeue_after: timedelta | None = RECHECK
    ) -> None:
        super().__init__(reason, message, requeue_after=requeue_after)


class KindMissing(Terminal):
    """A kind that is read or written is not served by the cluster: its CRD is not installed.

    When it comes, all objects of the controller are reconciled. `Context.serves` says beforehand
    whether it is there.

    Args:
        kind: as messages name it, "Widget (widgets.example.com, v1)".
    """

    def __init__(self, kind: str) -> None:
        super().__init__("KindMissing", f"the cluster does not serve {kind}; hint: install its CRD")


class Settling(Exception):
    """The reconcile stops without a status, which is written when the children have settled.

    Args:
        seconds: after which it is tried again at the latest.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Refused(Exception):
    """The API server refused a child: Degraded is True, and the reconcile is tried again.

    Args:
        reason: "Forbidden" or "Rejected".
        message: the API server's sentence, with a hint.
        error: the refusal.
    """

    def __init__(self, reason: str, message: str, error: ApiError) -> None:
        super().__init__(message)
        self.reason, self.message, self.error = reason, message, error
