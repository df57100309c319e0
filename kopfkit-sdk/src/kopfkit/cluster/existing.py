"""The backend for a cluster that somebody else made: it is used, never deleted.

The current context is copied into a kubeconfig of our own at `up`, so that a later
`kubectl config use-context` cannot send what we do to another cluster.
"""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from kopfkit.errors import KopfkitError
from kopfkit.host import files, process
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.toolchain import toolchain

# The address at which the API server reaches this machine, where it cannot be guessed.
WEBHOOK_HOST = "KOPFKIT_WEBHOOK_HOST"
_ADVICE = "Set KUBECONFIG to the file, and check it with: kubectl get --raw /readyz"


def up(state: ClusterState, progress: Progress) -> None:
    """Pin the current context of $KUBECONFIG (else ~/.kube/config) and check that it answers.

    Raises KopfkitError if there is no kubeconfig or the cluster does not answer.
    """
    kubectl = toolchain.tool("kubectl", progress)
    pinned = Path(state.kubeconfig)
    if not pinned.exists():
        shown = os.environ.get("KUBECONFIG") or "~/.kube/config"
        words = [str(kubectl), "config", "view", "--flatten", "--minify", "--raw"]
        try:
            text = process.run(words, timeout=30)
        except process.CommandFailed as error:
            why = f"has no usable current context\n{process.tail(error.output, 3)}"
            raise KopfkitError(f"kubeconfig {shown}", why, _ADVICE) from error
        files.write(pinned, text)
    base = [str(kubectl), "--kubeconfig", str(pinned)]
    context = process.run([*base, "config", "current-context"]).strip()
    with progress.step(f"Asking the cluster of the context {context}") as step:
        try:
            process.run([*base, "get", "--raw=/readyz", "--request-timeout=10s"], timeout=60)
        except process.CommandFailed as error:
            why = f"does not answer\n{process.tail(error.output, 3)}"
            raise KopfkitError(f"cluster of the context {context}", why, _ADVICE) from error
        jsonpath = "jsonpath={.clusters[0].cluster.server}"
        server = process.run([*base, "config", "view", "-o", jsonpath]).strip()
        step.glance(server)
    state.webhook_host = os.environ.get(WEBHOOK_HOST) or _own_address(server)


def _own_address(server: str) -> str:
    """The address that this machine uses towards `server`; nothing is sent."""
    address = urlsplit(server)
    try:
        family, kind, _, _, target = socket.getaddrinfo(
            address.hostname, address.port or 443, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"
