"""Prometheus metrics of a webhook.

Has the shape of `kopfkit.conversion`'s observer without importing it: either can be used alone.
"""

from collections.abc import Mapping

from kopfkit.runtime.telemetry.metrics import Metrics


class ConversionMetrics:
    """Counts what a conversion server tells.

    Args:
        metrics: of the process.
        versions: that are served, e.g. ("v1alpha1", "v1"): their series are there from the start,
            so that the first failure is an increase.
    """

    def __init__(self, metrics: Metrics, versions: tuple[str, ...] = ()) -> None:
        self._conversions = metrics.counter(
            "conversions_total", "Objects by versions and result.", ("from", "to", "result")
        )
        self._reviews = metrics.counter(
            "conversion_reviews_total",
            "Reviews by result: success, failure, or refused: what no API server sends.",
            ("result",),
        )
        self._duration = metrics.histogram(
            "conversion_duration_seconds", "From a review's headers to its answer."
        )
        self._admissions = metrics.counter(
            "admission_reviews_total",
            "AdmissionReviews by result: allowed, denied, undecided (the failure policy decides), "
            "or refused: what no API server sends.",
            ("webhook", "result"),
        )
        self._active = metrics.gauge("conversion_reviews_active", "Reviews under way.")
        self._connections = metrics.gauge("webhook_connections", "Open connections.")
        self._sent_away = metrics.counter(
            "webhook_connections_sent_away_total",
            "Connections ended because they waited: too long, or while others needed the room.",
        )
        self._expires = metrics.gauge(
            "certificate_expiry_timestamp_seconds",
            "Unix time until which the serving certificate is valid; 0 while there is none.",
        )
        self._reviews.labels("refused")
        for result in ("success", "failure"):
            self._reviews.labels(result)
            for one in versions:
                for other in versions:
                    if one != other:
                        self._conversions.labels(one, other, result)

    def reviewed(
        self, counts: Mapping[tuple[str, str, bool], int], seconds: float, failed: bool
    ) -> None:
        """A review was answered."""
        self._duration.observe(seconds)
        self._reviews.labels("failure" if failed else "success").inc()
        for (before, after, good), count in counts.items():
            self._conversions.labels(before, after, "success" if good else "failure").inc(count)

    def refused(self) -> None:
        """Something was sent that is no review; it took no time that anybody waited for."""
        self._reviews.labels("refused").inc()

    def admitted(self, webhook: str, result: str) -> None:
        """An AdmissionReview was answered."""
        self._admissions.labels(webhook, result).inc()

    def active(self, reviews: int) -> None:
        """So many reviews are under way."""
        self._active.set(reviews)

    def connections(self, open: int, sent_away: int) -> None:
        """So many connections are open; so many have just been ended."""
        self._connections.set(open)
        if sent_away:
            self._sent_away.inc(sent_away)

    def certificate(self, expires: float) -> None:
        """A serving certificate was taken up."""
        self._expires.set(expires)
