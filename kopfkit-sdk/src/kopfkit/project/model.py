"""The description of one operator: what exists, and nothing about files."""

from dataclasses import dataclass

from kopfkit.project.checks import check
from kopfkit.project.description import Description


@dataclass(frozen=True)
class Project(Description):
    """One operator, which `Description` lists the fields of.

    Checked when it is made, so that a generator never meets a half-valid description.

    Raises:
        KopfkitError: the description cannot be right; every error is named.
    """

    def __post_init__(self) -> None:
        check(self)
