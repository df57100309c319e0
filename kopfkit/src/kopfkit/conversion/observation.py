"""What a conversion server tells about itself, for whoever keeps metrics.

Conversion stands alone: it imports no metrics library. An operator passes an object of this shape
to `serve`; `kopfkit.runtime.telemetry.conversionmetrics` has one for Prometheus.
"""

from collections.abc import Mapping
from typing import Protocol

# Objects by (version from, version to, whether it went well). A version that nobody here serves is
# "unknown": what a request says must not become a name that is kept.
Counts = Mapping[tuple[str, str, bool], int]


class Observer(Protocol):
    """Called in the server's event loop; none of it may raise or wait."""

    def reviewed(self, counts: Counts, seconds: float, failed: bool) -> None:
        """A review was answered, so many seconds after its headers; `failed`: with a Failure."""

    def refused(self) -> None:
        """Something was sent that is no review of this API: not by an API server."""

    def admitted(self, webhook: str, result: str) -> None:
        """An AdmissionReview was answered: allowed, denied, undecided (the failure policy decided),
        or refused, as in `refused`."""

    def active(self, reviews: int) -> None:
        """So many reviews are under way now."""

    def connections(self, open: int, sent_away: int) -> None:
        """So many connections are open now; so many have just been ended because they waited."""

    def certificate(self, expires: float) -> None:
        """A serving certificate was taken up that is valid until this Unix time."""


class Silent:
    """Keeps nothing."""

    def reviewed(self, counts: Counts, seconds: float, failed: bool) -> None:
        pass

    def refused(self) -> None:
        pass

    def admitted(self, webhook: str, result: str) -> None:
        pass

    def active(self, reviews: int) -> None:
        pass

    def connections(self, open: int, sent_away: int) -> None:
        pass

    def certificate(self, expires: float) -> None:
        pass
