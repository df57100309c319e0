"""Answers one webhook's reviews, whatever is sent and whatever the function does.

The function is an operator's own: it runs in a thread with a deadline, so that one that hangs holds
up neither the other webhooks nor the probes. A thread cannot be ended; those that hang keep their
places, and when all are taken nobody is asked any more. Where there is no decision, the webhook
answers what the API server would do without an answer: its failure policy says which.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Final

from kopfkit.admission import review
from kopfkit.admission.hooks import Hook
from kopfkit.admission.review import BadReview, Outcome, Request
from kopfkit.errors import KopfkitError
from kopfkit.repeats import often

logger = logging.getLogger(__name__)

Decide = Callable[[Request], Outcome]
# Reviews of one webhook at a time. A function takes microseconds: more are there if some hang.
PLACES: Final = 8
# Of the seconds that the API server waits, the part that the function has.
_SHARE: Final = 0.8


class Answerer:
    """Answers the reviews that are sent to a webhook's path.

    Args:
        hook: says what is answered where there is no decision.
        decide: the decision about one request; may raise anything, and take as long as it likes.
        deadline: seconds that it has.
        told: of each answer: the webhook's name, and "allowed", "denied", "undecided" or "refused".
    """

    def __init__(
        self,
        hook: Hook,
        decide: Decide,
        *,
        deadline: float | None = None,
        told: Callable[[str, str], None] = lambda webhook, result: None,
    ) -> None:
        self._hook, self._decide, self._told = hook, decide, told
        self._deadline = hook.timeout * _SHARE if deadline is None else deadline
        self._places = asyncio.Semaphore(PLACES)

    async def __call__(self, body: bytes, problem: str = "") -> bytes:
        """The answer to a request's body. Never raises.

        Args:
            problem: why the body could not be read, "" where it could.
        """
        try:
            request = review.read(body)
        except BadReview as error:
            return self._undecided(error.uid, problem or str(error), result="refused")
        if problem:
            return self._undecided(request.uid, problem)
        try:
            outcome = await self._decided(request)
            reply = review.answer(request, outcome)
            denied = bool(outcome.errors or outcome.denial)
            self._told(self._hook.name, "denied" if denied else "allowed")
            return reply
        except TimeoutError:
            why = f"the operator's function did not finish within {self._deadline:.1f} s"
            return self._undecided(request.uid, why)
        except KopfkitError as error:
            return self._undecided(request.uid, f"{error.what} {error.why}")
        except Exception as error:
            why = f"the operator's function failed ({type(error).__name__})"
            return self._undecided(request.uid, why, error)

    async def _decided(self, request: Request) -> Outcome:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._deadline):
            await self._places.acquire()
            future: asyncio.Future[Outcome] = loop.create_future()

            def done(outcome: Outcome | None, error: BaseException | None) -> None:
                self._places.release()
                if future.done():
                    return  # too late
                if outcome is not None:
                    future.set_result(outcome)
                elif isinstance(error, Exception) and not isinstance(
                    error, StopIteration | TimeoutError
                ):
                    future.set_exception(error)
                else:  # SystemExit, or what asyncio would take for its own
                    failed = RuntimeError(type(error).__name__)
                    failed.__cause__ = error
                    future.set_exception(failed)

            def run() -> None:
                outcome, failed = None, None
                try:
                    outcome = self._decide(request)
                except BaseException as error:
                    failed = error
                with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
                    loop.call_soon_threadsafe(done, outcome, failed)

            # A daemon: one that hangs does not keep the process from ending.
            threading.Thread(target=run, name=self._hook.path, daemon=True).start()
            return await future

    def _undecided(
        self, uid: str, why: str, error: Exception | None = None, *, result: str = "undecided"
    ) -> bytes:
        """The answer of the failure policy."""
        hook = self._hook
        self._told(hook.name, result)
        logger.error(
            "Webhook %s cannot decide: %s",
            hook.name,
            why,
            exc_info=error,
            extra=often(f"admission undecided {hook.path}"),
        )
        doing = "set the defaults of" if hook.purpose == "mutate" else "validate"
        told = f"cannot {doing} this {hook.kind}: {why}"
        if hook.failure_policy == "Ignore":
            return review.allow(uid, warnings=[told])
        text = f"{told}; the log of the operator's webhook says more"
        return review.deny(uid, text, code=500, reason="InternalError")
