"""The image of a kind node: the public one, or one made on this machine from Debian's packages and
our builds of Kubernetes.

What kind expects of a node image is in its module: images/base (the files of the base image, taken
from there at build time) and pkg/build/nodeimage (binaries, preloaded images, /kind/version).
"""

import hashlib
import shutil
import tempfile
from pathlib import Path

from kopfkit.docker import context, debian
from kopfkit.docker.engine import Engine
from kopfkit.host import paths
from kopfkit.host.progress import Progress
from kopfkit.kind import preload, storage
from kopfkit.toolchain import build, toolchain
from kopfkit.toolchain.binaries import binary

KIND = "sigs.k8s.io/kind"
# Debian packages of a node: what kind's base image installs, containerd and runc, CNI plugins.
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "iproute2", "iptables", "containerd", "runc",
    "containernetworking-plugins", "conntrack", "ethtool", "socat", "mount", "kmod", "procps",
    "curl", "jq", "hostname", "rsync", "ca-certificates",
)  # fmt: skip
# Seconds for a pull: one registry that does not answer must not hold the start up.
PULL_TIMEOUT = 300.0

# Changes to what is already on the node image's root:
# - containerd and runc come from Debian, kind's files expect them in /usr/local;
# - without CAP_SYS_RESOURCE neither an OOM score nor a limit can be changed, so nobody tries;
# - services that need hardware or a console are off, as in kind's own base image.
_SETUP = r"""#!/bin/sh
set -eu
for name in containerd containerd-shim-runc-v2 ctr; do ln -sf "/usr/bin/$name" /usr/local/bin/; done
ln -sf /usr/sbin/runc /usr/local/sbin/runc
mkdir -p /opt/cni/bin /etc/kubernetes/manifests /etc/containerd/certs.d /kind
ln -sf /usr/lib/cni/* /opt/cni/bin/
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
sed -i 's#sandbox_image = .*#sandbox_image = "PAUSE"#' /etc/containerd/config.toml
cat >> /etc/containerd/config.toml <<'END'

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
END
sed -i '/^OOMScoreAdjust/d; /^Limit/d' /etc/systemd/system/containerd.service
ctr oci spec | jq '
  .hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}]
  | del(.process.rlimits)' > /etc/containerd/cri-base.json
find /lib/systemd/system/sysinit.target.wants -name systemd-tmpfiles-setup.service -delete
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
  /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
  /lib/systemd/system/basic.target.wants/*
echo ReadKMsg=no >> /etc/systemd/journald.conf
systemctl enable kubelet.service containerd.service undo-mount-hacks.service
systemctl mask systemd-binfmt.service
printf '%s' 'VERSION' > /kind/version
"""


def ensure(engine: Engine, progress: Progress) -> str:
    """The name of an image that `kind create cluster --image` can use; made here if need be.

    Raises KopfkitError where it can be neither pulled nor made.
    """
    version = toolchain.version("kubelet")
    public = f"docker.io/kindest/node:{version}"
    if engine.own:
        # Its own name, so that it is never taken for the published image.
        local = f"kopfkit/node:{version}-{_key()}"
        if engine.has(local):
            return local
    if engine.has(public):
        return public
    with progress.step(f"Looking for {public}") as step:
        if engine.pull(public, timeout=PULL_TIMEOUT):
            return public
        step.note("not available from a registry: building it here")
    if not engine.own:
        local = f"kopfkit/node:{version}-{_key()}"
        if engine.has(local):
            return local
    with progress.step(f"Making the node image {local}"):
        _make(engine, local, version, progress)
    return local


def _key() -> str:
    """Names the content: everything that the image is made of, the tools by their build."""
    names = (*_NODE_TOOLS, *preload.TOOLS)
    tools = sorted(
        str(build.destination(binary(name)).relative_to(paths.cache_dir())) for name in names
    )
    parts = [*PACKAGES, debian.RELEASE, _SETUP, preload.recipe(), storage.manifest(), *tools]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


_NODE_TOOLS = ("kubelet", "kubeadm", "kubectl")


def _make(engine: Engine, tag: str, version: str, progress: Progress) -> None:
    tools = toolchain.ensure_pinned([*_NODE_TOOLS, *preload.TOOLS], progress)
    base = root(engine, progress)
    files = toolchain.module_dir(KIND, progress) / "images" / "base" / "files"
    setup = _SETUP.replace("PAUSE", preload.PAUSE).replace("VERSION", version)
    unfilled = f"{tag}-unfilled"
    with progress.step("Adding Kubernetes and kind's files"), _readable(files) as kinds_files:
        context.build(
            engine,
            unfilled,
            f"FROM {base}\n"
            "COPY files/ /\nCOPY bin/ /usr/bin/\nCOPY setup /setup\n"
            "RUN /setup && rm /setup\n"
            f"COPY storage.yaml {storage.MANIFEST}\n"
            "ENV container=docker\nSTOPSIGNAL SIGRTMIN+3\n"
            'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]\n',
            {
                "files": kinds_files,
                "setup": setup,
                "storage.yaml": storage.manifest(),
                **{f"bin/{name}": tools[name] for name in _NODE_TOOLS},
            },
        )
    try:
        with progress.step("Putting the cluster's own images into it"):
            preload.fill(engine, unfilled, tag, tools)
    finally:
        # Its layers stay, so that a second try after a Ctrl-C is short.
        engine.docker("image", "rm", "--no-prune", unfilled)


def root(engine: Engine, progress: Progress) -> str:
    """A Debian root file system with the node's packages, as an image."""
    key = hashlib.sha256("\n".join((debian.RELEASE, *PACKAGES)).encode()).hexdigest()[:12]
    tag = f"kopfkit/node-root:{key}"
    if not engine.has(tag):
        with progress.step("Unpacking Debian for the node"):
            _import(engine, tag, PACKAGES, progress)
    return tag


def _import(engine: Engine, tag: str, packages: tuple[str, ...], progress: Progress) -> None:
    """Make the image `tag` from a minimal Debian with `packages`."""
    with tempfile.TemporaryDirectory(prefix="root-", dir=paths.cache_dir()) as place:
        archive = Path(place) / "root.tar"
        debian.bootstrap(archive, packages, progress)
        engine.docker("import", str(archive), tag)


class _readable:
    """A copy of kind's files with the modes that its own Dockerfile gives them: the Go module
    cache is read-only and knows no executable bit for all of them."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._place = tempfile.TemporaryDirectory(prefix="kind-", dir=paths.cache_dir())

    def __enter__(self) -> Path:
        target = Path(self._place.name) / "files"
        shutil.copytree(self._source, target)
        for path in target.rglob("*"):
            executable = path.is_dir() or path.parent.name == "bin"
            path.chmod(0o755 if executable else 0o644)
        return target

    def __exit__(self, *_: object) -> None:
        self._place.cleanup()
