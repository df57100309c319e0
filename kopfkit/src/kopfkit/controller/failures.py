"""Log lines about reconciles that fail: a failure once, however often it is tried again.

One object whose spec the API server refuses is tried again every minute for as long as it is there.
Its status says so all the while, and metrics count the tries.
"""

import logging

from kopfkit.controller.owners import called_key
from kopfkit.controller.statuswriter import about
from kopfkit.repeats import Once
from kopfkit.runtime.api.errors import ApiError, NotLeading
from kopfkit.runtime.manager.queue import Observer
from kopfkit.runtime.manager.store import Key, Store

log = logging.getLogger(__name__)


class Failures(Observer[Key]):
    """Logs the failures of one controller's queue.

    Args:
        kind: of its objects.
        store: with its objects.
    """

    def __init__(self, kind: str, store: Store) -> None:
        self._kind, self._store = kind, store
        self._once = Once()
        self._begun: dict[Key, dict[str, object]] = {}

    def started(self, key: Key, waited: float) -> None:
        """Record the generation that is reconciled, in case the object is deleted meanwhile."""
        if (known := self._store.get(key)) is not None:
            self._begun[key] = about(known)

    def failed(self, key: Key, error: BaseException, delay: float) -> None:
        """Log a failure, unless the last one of this object and its generation was the same, or the
        object is gone."""
        known, extra = self._store.get(key), self._about(key)
        if isinstance(error, NotLeading):
            log.info("Left to the next leader", extra=extra)
            return
        text, expected = f"{type(error).__name__}: {error}", isinstance(error, ApiError)
        if known is None and expected:
            # Requests for an object that is being deleted fail in many ways; none needs a fix.
            log.info("Object is gone: %s", error, extra=extra)
            return
        news = self._once.news(key, text, str(extra.get("generation", "")))
        log.log(
            logging.ERROR if news else logging.DEBUG,
            "Reconcile failed, retrying in %.1f s%s",
            delay,
            f": {error}" if expected else "",
            exc_info=None if expected else error,
            extra=extra,
        )

    def ended(
        self, key: Key, took: float, again: float | None, error: BaseException | None
    ) -> None:
        """Forget the failures of an object that was reconciled."""
        if error is None:
            if (count := self._once.over(key)) > 1:
                log.info("Reconciled after %d failures", count, extra=self._about(key))
            self._begun.pop(key, None)

    def _about(self, key: Key) -> dict[str, object]:
        """The fields of a log line. Of an object that is gone: as its reconcile began."""
        if (known := self._store.get(key)) is not None:
            return about(known)
        return self._begun.get(key, {"kind": self._kind, "object": called_key(key)})
