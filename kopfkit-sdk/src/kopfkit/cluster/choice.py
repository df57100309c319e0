"""Chooses what kind of cluster to start, and says why in one line.

Somebody's own cluster is used only when asked for: nobody should find an operator installed in
whatever their kubeconfig happened to point at.
"""

import os
from dataclasses import dataclass

from kopfkit.errors import KopfkitError
from kopfkit.host.state import KINDS, ClusterState, Kind

# The environment variable that overrides "auto".
VARIABLE = "CLUSTER"
NO_OLM = "OLM runs operators as pods, and a control plane alone has no node for them"


@dataclass(frozen=True)
class Choice:
    """A kind of cluster and the reason for it, as a clause."""

    kind: Kind
    why: str


def choose(asked: str, *, olm: bool, previous: ClusterState | None) -> Choice:
    """What `up` starts.

    Args:
        asked: one of KINDS, or "auto".
        olm: whether OLM must be installable.
        previous: the cluster of that name that is there already.

    Raises KopfkitError for an unknown kind, one that differs from the running cluster's, and one
    that cannot run here or cannot have OLM.
    """
    source = "you asked for it"
    if asked == "auto" and os.environ.get(VARIABLE):
        asked, source = os.environ[VARIABLE], f"{VARIABLE}={os.environ[VARIABLE]}"
    if asked not in (*KINDS, "auto"):
        known = ", ".join((*KINDS, "auto"))
        raise KopfkitError(f"cluster kind {asked!r}", "is unknown", f"Valid values: {known}.")
    if previous is not None:
        if asked not in (previous.kind, "auto"):
            raise KopfkitError(
                f"cluster {previous.name}",
                f"is there already, of the kind {previous.kind}, not {asked}",
                f"Delete it first (kopfkit cluster down --name {previous.name}), or choose another "
                "name with --name.",
            )
        chosen = Choice(previous.kind, "it is there already")
    elif asked == "auto":
        chosen = _look_around()
    else:
        chosen = Choice(_known(asked), source)
    if olm and chosen.kind == "control-plane":
        raise KopfkitError(
            "OLM",
            f"cannot be installed: {NO_OLM} (control-plane was chosen because {chosen.why})",
            "Use --kind kind (needs Docker, or root on Debian), or --kind existing.",
        )
    return chosen


def _known(asked: str) -> Kind:
    return next(kind for kind in KINDS if kind == asked)


def _look_around() -> Choice:
    from kopfkit.docker import engines, ownengine

    engine = engines.detect()
    if engine is not None:
        return Choice("kind", f"Docker {engine.version} answers")
    if reason := ownengine.impossible():
        return Choice("control-plane", f"no Docker answers and none can be started: {reason}")
    return Choice("kind", "no Docker answers, but as root on Debian one can be started")
