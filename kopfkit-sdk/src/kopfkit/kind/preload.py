"""The images that a cluster itself needs, made from our builds and put into the node image.

They carry the names that `kubeadm config images list` prints, so that kubeadm finds them in the
node's containerd and pulls nothing.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path

from kopfkit.cluster import context, debian, process, storage
from kopfkit.cluster.docker import Engine
from kopfkit.cluster.progress import Progress
from kopfkit.errors import KopfkitError

TOOLS = (
    "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd", "coredns",
    storage.TOOL,
)  # fmt: skip
# The versions that kubeadm v1.34 names, besides its own.
PAUSE = "registry.k8s.io/pause:3.10.1"
_ETCD = "registry.k8s.io/etcd:3.6.5-0"
_COREDNS = "registry.k8s.io/coredns/coredns:v1.12.1"
_CONTAINERD_START = 30.0


def recipe() -> str:
    """A text that changes when what is made here changes."""
    files = (_dockerfile("x"), _PAUSE_FILE, _PROXY_FILE, storage.HELPER_FILE)
    return "|".join((PAUSE, _ETCD, _COREDNS, storage.HELPER, *files))


# A pod's sandbox only holds namespaces open; containerd ends it with SIGKILL, and no pod here
# shares its process namespace, so nothing has to be reaped.
_PAUSE_FILE = (
    "FROM scratch\nCOPY busybox /bin/busybox\n"
    'USER 65535:65535\nENTRYPOINT ["/bin/busybox", "sleep", "2147483647"]\n'
)
# kube-proxy calls iptables, which the node's root file system has.
_PROXY_FILE = "FROM {root}\nCOPY kube-proxy /usr/local/bin/kube-proxy\n"


def _dockerfile(name: str) -> str:
    return (
        f'FROM scratch\nCOPY {name} /usr/local/bin/{name}\nENTRYPOINT ["/usr/local/bin/{name}"]\n'
    )


def fill(
    engine: Engine,
    image: str,
    root: str,
    tag: str,
    tools: Mapping[str, Path],
    progress: Progress,
) -> None:
    """Commit `image` with the cluster's images in its containerd as `tag`."""
    names = _build(engine, root, tools, progress)
    name = f"kopfkit-fill-{time.time_ns()}"
    # Privileged and without init: containerd alone, for as long as the import takes.
    engine.docker(
        "run", "--detach", "--privileged", "--name", name, "--tmpfs=/tmp", "--tmpfs=/run",
        "--entrypoint=/usr/local/bin/containerd", image,
    )  # fmt: skip
    try:
        _await_containerd(engine, name)
        for source in names:
            _import(engine, name, source)
        _check(engine, name, names)
        engine.docker("stop", "--time=20", name)
        engine.docker(
            "commit",
            '--change=ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
            name,
            tag,
        )
    finally:
        engine.remove(name)


def _build(engine: Engine, root: str, tools: Mapping[str, Path], progress: Progress) -> list[str]:
    version = _version_of(tools["kube-apiserver"])
    made = [PAUSE, storage.HELPER]
    with debian.unpacked("busybox-static") as files:
        for image, text in zip(made, (_PAUSE_FILE, storage.HELPER_FILE), strict=True):
            context.build(engine, image, text, {"busybox": files / "bin/busybox"})
    for name in TOOLS:
        if name == "etcd":
            image = _ETCD
        elif name == "coredns":
            image = _COREDNS
        elif name == storage.TOOL:
            image = storage.image()
        else:
            image = f"registry.k8s.io/{name}:{version}"
        text = _PROXY_FILE.format(root=root) if name == "kube-proxy" else _dockerfile(name)
        if name == "coredns":  # its Deployment gives arguments only
            text = text.replace("/usr/local/bin/coredns", "/coredns")
        context.build(engine, image, text, {name: tools[name]})
        made.append(image)
    return made


def _version_of(apiserver: Path) -> str:
    # "Kubernetes v1.34.4"
    return process.run([apiserver, "--version"]).split()[-1]


def _await_containerd(engine: Engine, name: str) -> None:
    deadline = time.monotonic() + _CONTAINERD_START
    while True:
        try:
            engine.docker("exec", name, "ctr", "version")
            return
        except process.CommandFailed:
            if time.monotonic() > deadline:
                log = engine.docker("logs", name)
                raise KopfkitError(
                    "containerd in the node image", f"did not start\n{log}"
                ) from None
            time.sleep(0.3)


def _import(engine: Engine, name: str, image: str) -> None:
    """Stream an image from the engine into the container's containerd.

    Not unpacked: a snapshot inside a container that is then committed would be copied twice.
    """
    command = ["ctr", "--namespace=k8s.io", "images", "import", "--no-unpack", "--digests", "-"]
    engine.stream(["save", image], ["exec", "--interactive", name, *command])


def _check(engine: Engine, name: str, wanted: list[str]) -> None:
    listed = engine.docker("exec", name, "ctr", "--namespace=k8s.io", "images", "ls", "--quiet")
    missing = [image for image in wanted if image not in listed.split()]
    if missing:
        raise KopfkitError("node image", f"lacks {json.dumps(missing)} after the import")
