"""The images that a cluster itself needs, made from our builds and put into the node image.

They carry the names that `kubeadm config images list` prints, so that kubeadm finds them in the
node's containerd and pulls nothing.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path

from kopfkit.docker import context, debian
from kopfkit.docker.engine import Engine
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.kind import storage

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
    return "|".join((PAUSE, _ETCD, _COREDNS, storage.HELPER, *files, *_PROXY_PACKAGES))


# A pod's sandbox only holds namespaces open; containerd ends it with SIGKILL, and no pod here
# shares its process namespace, so nothing has to be reaped.
_PAUSE_FILE = (
    "FROM scratch\nCOPY busybox /bin/busybox\n"
    'USER 65535:65535\nENTRYPOINT ["/bin/busybox", "sleep", "2147483647"]\n'
)
# kube-proxy calls iptables. With what that needs and nothing else: each node unpacks the image when
# it starts.
_PROXY_FILE = "FROM scratch\nCOPY root/ /\nCOPY kube-proxy /usr/local/bin/kube-proxy\n"
_PROXY_PACKAGES = (
    "iptables", "libc6", "libip4tc2", "libip6tc2", "libmnl0", "libnetfilter-conntrack3",
    "libnfnetlink0", "libnftnl11", "libxtables12", "netbase",
)  # fmt: skip


# A cluster for development has few processors and memory to spare: up to the limit the garbage
# collector runs seldom (https://go.dev/doc/gc-guide).
_HEAP = "GOGC=400 GOMEMLIMIT=1GiB"


def _dockerfile(name: str) -> str:
    return (
        f"FROM scratch\nCOPY {name} /usr/local/bin/{name}\nENV {_HEAP}\n"
        f'ENTRYPOINT ["/usr/local/bin/{name}"]\n'
    )


def fill(engine: Engine, image: str, tag: str, tools: Mapping[str, Path]) -> None:
    """Commit `image` with the cluster's images in its containerd as `tag`."""
    names = _build(engine, tools)
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


def _build(engine: Engine, tools: Mapping[str, Path]) -> list[str]:
    version = _version_of(tools["kube-apiserver"])
    names = {
        "etcd": _ETCD,
        "coredns": _COREDNS,
        storage.TOOL: storage.image(),
        "kube-proxy": f"registry.k8s.io/kube-proxy:{version}",
    }
    with debian.unpacked("busybox-static") as files:
        for image, text in ((PAUSE, _PAUSE_FILE), (storage.HELPER, storage.HELPER_FILE)):
            context.build(engine, image, text, {"busybox": files / "bin/busybox"})
    with debian.unpacked(*_PROXY_PACKAGES) as files:
        # What Debian's scripts would choose as they install the package.
        for family in ("iptables", "ip6tables"):
            for rest in ("", "-save", "-restore"):
                (files / "usr/sbin" / f"{family}{rest}").symlink_to(f"{family}-nft{rest}")
        proxy = {"root": files, "kube-proxy": tools["kube-proxy"]}
        context.build(engine, names["kube-proxy"], _PROXY_FILE, proxy)
    for name in TOOLS:
        if name == "kube-proxy":
            continue
        text = _dockerfile(name)
        if name == "coredns":  # its Deployment gives arguments only
            text = text.replace("/usr/local/bin/coredns", "/coredns")
        names.setdefault(name, f"registry.k8s.io/{name}:{version}")
        context.build(engine, names[name], text, {name: tools[name]})
    return [PAUSE, storage.HELPER, *names.values()]


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
