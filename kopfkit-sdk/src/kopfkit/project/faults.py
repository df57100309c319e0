"""Collects every fault of an input, so that a person mends them all in one go."""

from kopfkit.errors import KopfkitError


class Faults:
    """Faults found so far, each with the place where it is.

    Args:
        what: the thing that is checked, as the error names it ("catalog/releases.yaml").
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.found: list[tuple[str, str]] = []

    def add(self, place: str, why: str) -> None:
        """Note that the value at `place` ("deployments[0].name") is wrong, and why."""
        self.found.append((place, why))

    def require(self, holds: object, place: str, why: str) -> bool:
        """Note the fault unless `holds`; says whether it holds."""
        if not holds:
            self.add(place, why)
        return bool(holds)

    def raise_if_any(self, hint: str = "") -> None:
        """Raises KopfkitError that lists every fault, if there is one."""
        if not self.found:
            return
        if len(self.found) == 1:
            place, why = self.found[0]
            raise KopfkitError(f"{self.what}: {place}" if place else self.what, why, hint)
        lines = "".join(f"\n  - {place}: {why}" for place, why in self.found)
        raise KopfkitError(self.what, f"{len(self.found)} errors{lines}", hint)
