"""What the API server can answer, as types. Nothing outside `client` sees an HTTP library's
errors."""

from typing import Any

from kopfkit.runtime.api.sentences import sentence


class ApiError(Exception):
    """The API server refused a request, or could not be reached.

    Attributes:
        status: the HTTP status, 0 where no answer came.
        reason: `reason` of the answered metav1.Status ("AlreadyExists"), "" where there is none.
        message: the server's sentence, or the connection's error.
        retry_after: seconds the server asked to wait, or None.
        transient: whether the API server is the trouble, and not what was asked of it.
    """

    transient = False

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    @property
    def sentence(self) -> str:
        """The message as conditions and Events carry it: short, in one line."""
        return sentence(self.message)


class NotFound(ApiError):
    """404: no such object, or no such resource."""


class Conflict(ApiError):
    """409: another writer was first, or a precondition (uid, resourceVersion) does not hold."""

    # Seconds: whoever was first is done by then.
    longest_delay = 5.0


class AlreadyExists(Conflict):
    """409 on create: an object of that name is there."""


class Forbidden(ApiError):
    """403: not allowed by RBAC, a quota or an admission policy."""


class Unauthorized(ApiError):
    """401: the credentials are not (or no longer) accepted."""


class Invalid(ApiError):
    """400 or 422: the object itself is refused; sending it again will not help."""


class Gone(ApiError):
    """410: a continue token or a resourceVersion is too old."""


class Unavailable(ApiError):
    """429, 5xx, no connection, no answer in time: the same request may pass later."""

    transient = True


class NotKnownYet(Unavailable):
    """403: the API server cannot check a reference to an owner whose kind it has not met yet.

    The admission plugin OwnerReferencesPermissionEnforcement looks kinds up in a mapping that is
    made anew every 30 s (kubernetes, plugin/pkg/admission/gc/gc_admission.go): after the API server
    was started, and after a CRD was made, it answers so although nothing is forbidden.
    """

    # Seconds: it ends by itself within 30 s, for all objects at once.
    longest_delay = 5.0


# What that plugin says then; its answer has no field of its own for it.
_NO_MAPPING = "cannot find RESTMapping for APIVersion"


class TooLarge(Exception):
    """An answer has more bytes than its reader has room for. It was not read to its end."""


class NotLeading(Exception):
    """A write was about to happen without a valid Lease. It was not sent."""

    transient = True


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: Unavailable,
}


def from_answer(status: int, answer: Any, retry_after: str | None, what: str) -> ApiError:
    """The error for a failed answer.

    Args:
        status: HTTP status, 400 or more.
        answer: the decoded body: a metav1.Status, some text, or None.
        retry_after: the Retry-After header (seconds), if any.
        what: the request in short, for answers without a message.
    """
    detail = answer if isinstance(answer, dict) else {}
    message = detail.get("message")
    if not isinstance(message, str) or not message:
        # A proxy's HTML page can be long; its start says what it is.
        text = answer.strip()[:200] if isinstance(answer, str) else ""
        message = f"{what}: HTTP {status} {text}".rstrip()
    reason = detail.get("reason") if isinstance(detail.get("reason"), str) else ""
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else ApiError)
    if kind is Conflict and reason == "AlreadyExists":
        kind = AlreadyExists
    if kind is Forbidden and _NO_MAPPING in message:
        kind = NotKnownYet
    try:
        seconds = float(retry_after) if retry_after else None
    except ValueError:  # the HTTP-date form, which the API server never sends
        seconds = None
    return kind(message, status=status, reason=str(reason or ""), retry_after=seconds)
