"""What a running cluster is, as one JSON file, so that the next command knows it.

The file is a hint, never the proof: whether a process runs is asked of the process, and a file that
is damaged is treated like one that is missing, so that `up` and `down` still work.
"""

import json
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from kopfkit.host import files, paths

Kind = Literal["existing", "kind", "control-plane"]
KINDS: tuple[Kind, ...] = ("existing", "kind", "control-plane")


@dataclass
class ClusterState:
    """One cluster.

    Attributes:
        name: its name, an RFC 1123 label.
        kind: which backend made it; "existing" was made by somebody else and is never deleted.
        kubeconfig: path of a kubeconfig for it; its current context is the cluster.
        registry: host:port of the image registry that the cluster pulls from, or None.
        docker_host: DOCKER_HOST of the engine it runs on, or None (no engine, or the default one).
        webhook_host: address at which its API server reaches this machine.
        workers: how many nodes it has besides its control plane (kind).
        olm: whether OLM is (to be) installed.
        ready: set once `up` has finished; a state without it is a start that was interrupted.
    """

    name: str
    kind: Kind
    kubeconfig: str
    registry: str | None = None
    docker_host: str | None = None
    webhook_host: str = "127.0.0.1"
    workers: int = 0
    olm: bool = False
    ready: bool = False

    @property
    def directory(self) -> Path:
        """Where the cluster's files are."""
        return paths.state_dir(self.name)

    def save(self) -> None:
        """Write the state file."""
        files.write(self.directory / "state.json", json.dumps(asdict(self), indent=2) + "\n")


def load(name: str) -> ClusterState | None:
    """The state of the cluster `name`; None if there is none or its file is damaged."""
    try:
        record = json.loads((paths.state_dir(name) / "state.json").read_text())
        known = {f.name for f in fields(ClusterState)}
        state = ClusterState(**{key: value for key, value in record.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    sound = state.name == name and state.kind in KINDS and isinstance(state.kubeconfig, str)
    return state if sound else None


def exists(name: str) -> bool:
    """Whether anything of a cluster `name` is on this machine, sound or not."""
    return paths.state_dir(name).exists()


def remove(name: str) -> None:
    """Delete the cluster's directory. Its processes must have ended."""
    shutil.rmtree(paths.state_dir(name), ignore_errors=True)
