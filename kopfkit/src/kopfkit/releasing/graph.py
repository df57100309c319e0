"""The upgrade graph of a release: proved before anything is built, and drawn for people."""

from kopfkit.packaging.releases import History
from kopfkit.project import Project


def check(project: Project, history: History) -> None:
    """KopfkitError if somebody's way to the head of a channel is cut. Not yet."""


def pictures(project: Project, history: History) -> dict[str, str]:
    """File name -> picture of the graph."""
    return {}
