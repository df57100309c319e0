"""The names by which an operator's processes are known in the cluster and in telemetry."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Name and version of an operator.

    Attributes:
        name: field manager, Lease, reporting controller of Events, service of traces.
        version: told in metrics and traces.
        conditions: types of the conditions that it writes, in the order in which they are told.
    """

    name: str
    version: str
    conditions: tuple[str, ...] = ("Available", "Progressing", "Degraded")

    @property
    def metrics_prefix(self) -> str:
        """The first part of every metric's name."""
        return self.name.replace("-", "_")
