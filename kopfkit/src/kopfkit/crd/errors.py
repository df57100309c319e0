"""The refusal of a description no API server would accept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kopfkit.errors import KopfkitError


class CrdError(KopfkitError):
    """A type or a resource description from which no valid CRD can be made.

    Raised while generating, so that the mistake costs the author a second and not a release.

    Args:
        what, why, hint: as in KopfkitError.
        parts: the errors that this one lists; none for one that stands for itself.
    """

    def __init__(
        self, what: str, why: str, hint: str = "", parts: Sequence["CrdError"] = ()
    ) -> None:
        super().__init__(what, why, hint)
        self.parts = tuple(parts) or (self,)


class Errors:
    """Collects the errors of several parts, so that an author hears of all of them at once."""

    def __init__(self) -> None:
        self._found: list[CrdError] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep a CrdError of this block instead of raising it."""
        try:
            yield
        except CrdError as error:
            self._found += error.parts

    def raise_if_any(self, where: str) -> None:
        """Raise what was found: one error as it is, several as a list about `where`."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            lines = (
                f"\n  - {each.what}: {each.why}" + (f"; {each.hint}" if each.hint else "")
                for each in self._found
            )
            text = f"{len(self._found)} errors{''.join(lines)}"
            raise CrdError(where, text, parts=self._found)
