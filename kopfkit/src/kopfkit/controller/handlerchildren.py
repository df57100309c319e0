"""`memo.apply`: children for kopf's handlers, by the rules of a reconcile's `Context.apply`."""

from collections.abc import Mapping
from typing import Any, Final

from kopfkit.controller.context import Context, Parts
from kopfkit.controller.errors import Vanished
from kopfkit.controller.outcome import Refused, Terminal, Waiting
from kopfkit.controller.owners import group_of
from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.errors import ApiError
from kopfkit.runtime.api.resources import Object
from kopfkit.runtime.manager.kopfsettings import load_kopf

# Seconds after which kopf calls a handler again whose child could not be made.
_DELAY: Final = 10.0


class HandlerChildren:
    """Makes the children of objects whose controller has no reconcile.

    Args:
        parts: of each such controller, by API group and kind.
    """

    def __init__(self, parts: Mapping[tuple[str, str], Parts]) -> None:
        self._parts = parts

    async def apply(self, child: Mapping[str, Any], *, owner: Mapping[str, Any]) -> Object:
        """Bring a child to what is given, and return it as it is now; see `Context.apply`.

        Args:
            child: apiVersion, kind and content. Name, namespace, owner reference and labels are
                filled in.
            owner: the handler's `body`.

        Raises:
            kopf.TemporaryError: the name belongs to somebody else's object, the controller does not
                own such children, or the API server refuses this one or cannot be reached. kopf
                calls the handler again, without a traceback in the log.
            KopfkitError: the owner's kind has no controller without a reconcile.
        """
        kind = str(owner.get("kind"))
        parts = self._parts.get((group_of(owner.get("apiVersion")), kind))
        if parts is None:
            raise KopfkitError(
                f"memo.apply for {kind}",
                "there is no controller of that kind, or it has a reconcile",
                "Give the operator Controller(RESOURCE, VERSION).owns(...), without a reconcile.",
            )
        try:
            return await Context(dict(owner), parts).apply(child)
        except (Terminal, Waiting, Refused) as error:
            text = f"{error.reason}: {error.message}"
            raise load_kopf().TemporaryError(text, delay=_DELAY) from error
        except ApiError as error:
            text = f"{child.get('kind')}: {error.sentence}"
            raise load_kopf().TemporaryError(text, delay=error.retry_after or _DELAY) from error
        except Vanished as error:
            raise load_kopf().TemporaryError(f"the owner is gone: {error}", delay=_DELAY) from error
