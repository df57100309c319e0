"""The upgrade graph of a release: proved before anything is built, and drawn for people."""

from kopfkit.packaging import graph, picture
from kopfkit.packaging.prover import prove
from kopfkit.packaging.releases import NAME, History
from kopfkit.project import Project


def check(project: Project, history: History) -> None:
    """KopfkitError if anybody's way to the head of a channel is cut, or loses something."""
    prove(project, history).raise_if_any(f"Change the entry in {NAME}; nothing was released.")


def pictures(history: History) -> dict[str, str]:
    """File name -> picture of the graph."""
    return {"graph.svg": picture.svg(history), "graph.mmd": graph.mermaid(history)}
