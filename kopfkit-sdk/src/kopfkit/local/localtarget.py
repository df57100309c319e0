"""Which cluster a run outside the cluster is for, and how its API server reaches this machine."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from kopfkit.errors import KopfkitError
from kopfkit.host import paths, state
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.toolchain.kubectl import Kubectl


@dataclass(frozen=True)
class Target:
    """A cluster.

    Attributes:
        kubectl: kubectl bound to it.
        server: URL of its API server.
        source: where the kubeconfig was found, for messages.
        cluster: kopfkit's record of it, or None if kopfkit did not make it.
    """

    kubectl: Kubectl
    server: str
    source: str
    cluster: ClusterState | None

    @property
    def directory(self) -> Path:
        """Where a run against this cluster keeps its files. Inside the cluster's own directory if
        it has one, so that taking the cluster down ends the run and takes the files along."""
        if self.cluster is not None:
            return self.cluster.directory / "run-local"
        return paths.state_root() / "run-local" / sha256(self.server.encode()).hexdigest()[:16]

    def webhook_host(self, given: str | None) -> str:
        """The address at which the API server reaches this machine; `given` wins.

        Raises KopfkitError if nobody knows.
        """
        if given:
            return given
        if self.cluster is not None:
            return self.cluster.webhook_host
        if _loopback(urlsplit(self.server).hostname or ""):
            return "127.0.0.1"
        raise KopfkitError(
            "webhook host",
            f"cannot tell how the API server at {self.server} reaches this machine",
            "Set it with --webhook-host: an address of this machine that the cluster can reach.",
        )


def find(given: Path | None, name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """The kubeconfig: `given`, else $KUBECONFIG, else the kopfkit cluster `name`, else
    ~/.kube/config.

    Raises:
        KopfkitError: there is none, naming what was looked at; or what was named is not there:
            another cluster than the one that was asked for would be the worst answer.
    """
    if given is not None:
        return _existing(given, "--kubeconfig")
    listed = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    if len(listed) > 1:
        raise KopfkitError(
            "KUBECONFIG",
            f"names {len(listed)} files, and one is needed",
            "Merge them: kubectl config view --flatten --minify --raw > FILE, and give "
            "--kubeconfig FILE.",
        )
    if listed:
        return _existing(listed[0], "KUBECONFIG")
    cluster, home = state.load(name), Path.home() / ".kube" / "config"
    if cluster is not None and Path(cluster.kubeconfig).is_file():
        return Path(cluster.kubeconfig)
    if home.is_file():
        return home
    raise KopfkitError(
        "kubeconfig",
        f"none found: no --kubeconfig, KUBECONFIG is not set, the kopfkit cluster {name!r} "
        f"does not run, {home} does not exist",
        "Start a cluster: make cluster-up; or name one with --kubeconfig.",
    )


def resolve(given: Path | None, name: str, progress: Progress) -> Target:
    """Find the cluster. Raises KopfkitError as `find` does, or if the file names no cluster."""
    kubeconfig = find(given, name).absolute()
    kubectl = Kubectl.at(kubeconfig, progress)
    server = _server(kubectl)
    if not server:
        raise KopfkitError(
            f"kubeconfig {kubeconfig}", "has no current context with a cluster", "Choose one."
        )
    cluster = _known(kubectl, server)
    source = f"kubeconfig {kubeconfig}"
    return Target(kubectl, server, source, cluster)


def _known(kubectl: Kubectl, server: str) -> ClusterState | None:
    """kopfkit's record of the cluster, also where its kubeconfig was copied elsewhere."""
    for entry in sorted(paths.state_root().iterdir()):
        cluster = None
        with contextlib.suppress(KopfkitError):  # an entry that is no cluster's
            cluster = state.load(entry.name)
        if cluster is None or not Path(cluster.kubeconfig).is_file():
            continue
        its = Path(cluster.kubeconfig)
        same = its.resolve() == kubectl.kubeconfig.resolve()
        if same or _server(Kubectl(its, kubectl.program)) == server:
            return cluster
    return None


def _server(kubectl: Kubectl) -> str:
    words = ("config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}")
    try:
        return kubectl.run(*words).strip()
    except KopfkitError:
        return ""


def _existing(path: Path, named_by: str) -> Path:
    if path.is_file():
        return path
    raise KopfkitError(
        f"kubeconfig {path}", f"does not exist ({named_by} names it)", "Name one that does."
    )


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
