"""An image registry beside the kind cluster, after kind's documented local-registry pattern.

One name works everywhere: the host pushes to localhost:PORT, and the node's containerd is told that
localhost:PORT is the registry's container. OLM pulls bundles and catalogs only from a registry.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from kopfkit.docker import context, debian
from kopfkit.docker.engine import Engine
from kopfkit.errors import KopfkitError
from kopfkit.host import ports, process
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.kind import nodeimage
from kopfkit.toolchain import toolchain

# The port that kind's guide uses; macOS and others have 5000 taken.
PORT = 5001
INSIDE = 5000
_PUBLIC = "docker.io/library/registry:2"
_LOCAL = "kopfkit/registry:1"
_CONFIG = f"""\
version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: true
http:
  addr: :{INSIDE}
"""


def up(engine: Engine, cluster: str, nodes: Sequence[str], progress: Progress) -> str:
    """Start the cluster's registry, unless it runs, and tell its nodes (containers) where it is;
    returns its host:port on this machine."""
    name = container(cluster)
    with progress.step("Starting the image registry") as step:
        port = _published(engine, name)
        if port:
            engine.docker("start", name)
        else:
            port = _port()
            if port != PORT:
                step.note(f"port {PORT} is taken, so it is {port}")
            engine.docker(
                "run", "--detach", "--restart=unless-stopped", "--name", name, "--network=kind",
                f"--publish=127.0.0.1:{port}:{INSIDE}",
                f"--label=kopfkit.cluster={cluster}", _image(engine, progress),
            )  # fmt: skip
        for node in nodes:
            _tell(engine, node, cluster, port)
    return f"localhost:{port}"


def down(engine: Engine, cluster: str) -> None:
    """Remove the cluster's registry and what is in it."""
    if _published(engine, container(cluster)):
        engine.remove(container(cluster))


def container(cluster: str) -> str:
    """Name of the registry's container, which is also its host name on the kind network."""
    return f"{cluster}-registry"


def announce(state: ClusterState) -> None:
    """Publish the registry's address in the cluster (KEP-1755, local-registry-hosting)."""
    record = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "local-registry-hosting", "namespace": "kube-public"},
        "data": {"localRegistryHosting.v1": f'host: "{state.registry}"\n'},
    }
    process.run(
        [toolchain.tool("kubectl"), "--kubeconfig", state.kubeconfig,
         "apply", "--server-side", "--force-conflicts", "--filename=-"],
        input=json.dumps(record),
    )  # fmt: skip


def _port() -> int:
    try:
        ports.require_free(PORT, "the registry", "")
    except KopfkitError:
        return ports.free(1)[0]
    return PORT


def _published(engine: Engine, name: str) -> int:
    """The host port of the container, running or not; 0 if there is no such container."""
    try:
        told = engine.docker("inspect", "--format", "{{json .HostConfig.PortBindings}}", name)
    except process.CommandFailed:
        return 0
    return int(json.loads(told)[f"{INSIDE}/tcp"][0]["HostPort"])


def _tell(engine: Engine, node: str, cluster: str, port: int) -> None:
    directory = f"/etc/containerd/certs.d/localhost:{port}"
    engine.docker(
        "exec", "--interactive", node, "sh", "-c",
        f"mkdir -p {directory} && cat > {directory}/hosts.toml",
        input=f'[host."http://{container(cluster)}:{INSIDE}"]\n',
    )  # fmt: skip


def _image(engine: Engine, progress: Progress) -> str:
    if not engine.own and engine.pull(_PUBLIC):
        return _PUBLIC
    if not engine.has(_LOCAL):
        root = nodeimage.root(engine, progress)  # the registry needs a libc
        with debian.unpacked("docker-registry") as files:
            context.build(
                engine,
                _LOCAL,
                f"FROM {root}\nCOPY docker-registry /usr/bin/\nCOPY config.yml /etc/registry.yml\n"
                "VOLUME /var/lib/registry\n"
                'ENTRYPOINT ["/usr/bin/docker-registry", "serve", "/etc/registry.yml"]\n',
                {"docker-registry": Path(files) / "usr/bin/docker-registry", "config.yml": _CONFIG},
            )
    return _LOCAL
