"""What one reconcile finds on its way, for a controller that goes on where one child cannot be had.

`Terminal` and `Waiting` end a reconcile. One that rather does what can be done, and tells the rest
in conditions of its own, collects them here.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kopfkit.controller.outcome import Problem, Refused, Stopped, Terminal
from kopfkit.runtime.api.errors import ApiError

if TYPE_CHECKING:
    from kopfkit.controller.context import Context


@dataclass(kw_only=True)
class Findings:
    """What stands in the way of one object's desired state.

    Attributes:
        problems: what only a person can mend, the gravest first.
        troubles: why pods do not start, the gravest first (`Context.pod_failures`).
        waiting: what has to happen first, by itself.
        failure: what the API server refused, for `Result(error=...)`: another try once it is told.
    """

    problems: list[Problem] = field(default_factory=list)
    troubles: tuple[Problem, ...] = ()
    waiting: Problem | None = None
    failure: ApiError | None = None

    def problem(self, reason: str, message: str) -> None:
        """Note what only a person can mend."""
        self.problems.append(Problem(reason, message))

    def wait(self, reason: str, message: str) -> None:
        """Note what has to happen first; what was noted before goes before it."""
        self.waiting = self.waiting or Problem(reason, message)

    def note(self, found: Stopped | Refused, ctx: "Context") -> None:
        """Note what an exception says, and have the object reconciled again when it asks for it."""
        if isinstance(found, Refused):
            self.problem(found.reason, found.message)
            self.failure = found.error
            return
        tell = self.problem if isinstance(found, Terminal) else self.wait
        tell(found.reason, found.message)
        ctx.requeue(found.requeue_after)
