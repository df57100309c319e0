"""The table of the tools: which Go package each comes from, and how it learns its own version.

A binary built from a module does not know its version (releases inject it at link time), and some
must: kubeadm and kubectl compare theirs with the cluster's, operator-sdk writes it into files. So
each group lists the linker variables that its release build sets, computed from the pinned go.mod.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kopfkit.errors import KopfkitError
from kopfkit.toolchain import gomod

_IMAGE_TAGS = "containers_image_openpgp,exclude_graphdriver_btrfs"  # no gpgme, no btrfs headers
# promtool judges rules; without the clients of two dozen clouds it builds in half the time.
_TAGS = {
    "cluster": _IMAGE_TAGS,
    "operator-controller": _IMAGE_TAGS,
    # Its own name for a build without what is experimental, as boxcutter's reconciler.
    "olmv1": f"{_IMAGE_TAGS},standard",
    "operator-sdk": _IMAGE_TAGS,
    "promtool": "remove_all_sd",
}
# What a cluster runs shares most of its packages: in one group they are compiled once.
_CLUSTER = "cluster"
_KUBERNETES = "k8s.io/kubernetes"
_OLM = "github.com/operator-framework/operator-lifecycle-manager"
_OLM_V1 = "github.com/operator-framework/operator-controller"
_OPM = "github.com/operator-framework/operator-registry"
_SDK = "github.com/operator-framework/operator-sdk"
_CRANE = "github.com/google/go-containerregistry"
_COREDNS = "github.com/coredns/coredns"
_OWN = "kopfkit.local/tools"  # main packages beside the go.mod of their group
_APPLIERS = ("boxcutter", "helm")
_STUB = ("pkg.package-operator.run/boxcutter=./boxcutter",)
_PROBE = "github.com/grpc-ecosystem/grpc-health-probe"
_LOCAL_PATH = "github.com/rancher/local-path-provisioner"
_METRICS = "sigs.k8s.io/metrics-server"
_PROMETHEUS = "github.com/prometheus/prometheus"
_HELM = "helm.sh/helm/v3"


@dataclass(frozen=True)
class Binary:
    """One tool.

    Attributes:
        name: the file name it is installed under.
        group: the tool group that pins it.
        package: its Go main package.
        version_args: arguments that make it print its version.
        skew: how many minor versions it may differ from the pinned one when taken from PATH; None:
            only the pinned build will do, as it is for images or kopfkit's own program.
        of: the module whose version it has, where its package is not in that module.
        release: its version, where it is of no module's.
        inside: a program of kopfkit's that is built in a copy of the module `of`, whose packages
            are internal to it; without these files, which need modules that cannot be had.
        within: it is built in a copy of its module, with the files that the group has in `within`
            and these replacements of modules, as `go mod edit -replace` takes them.
        seldom: is built only where it is needed or named, not with all tools.
    """

    name: str
    group: str
    package: str
    version_args: tuple[str, ...] = ("--version",)
    skew: int | None = None
    of: str = ""
    release: str = ""
    inside: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    seldom: bool = False

    @property
    def module(self) -> str:
        """The module whose version it has; "" for a program of kopfkit's that has its own."""
        if self.release:
            return ""
        return self.of or gomod.group(self.group).module_of(self.package)

    @property
    def built_as(self) -> str:
        """The name `go build` gives it: the last element of the package that is no /vN suffix."""
        parts = self.package.split("/")
        last = parts.pop()
        return parts[-1] if last[0] == "v" and last[1:].isdigit() else last

    @property
    def version(self) -> str:
        """The pinned version of its module, such as "v1.34.4", or its own."""
        return self.release or gomod.group(self.group).versions[self.module]


def _kubernetes(name: str, skew: int | None = None) -> Binary:
    args = {"kubectl": ("version", "--client"), "kubeadm": ("version", "-o", "short")}
    package = f"{_KUBERNETES}/cmd/{name}"
    return Binary(name, _CLUSTER, package, args.get(name, ("--version",)), skew)


BINARIES: Mapping[str, Binary] = {
    binary.name: binary
    for binary in (
        Binary("etcd", _CLUSTER, "go.etcd.io/etcd/server/v3", skew=0),
        _kubernetes("kube-apiserver", skew=0),
        _kubernetes("kube-controller-manager", skew=0),
        # The Kubernetes version skew policy: kubectl works within one minor of the API server.
        _kubernetes("kubectl", skew=1),
        _kubernetes("kube-scheduler"),
        _kubernetes("kube-proxy"),
        _kubernetes("kubelet"),
        _kubernetes("kubeadm"),
        Binary("kind", "kind", "sigs.k8s.io/kind", ("version",), skew=0),
        Binary("crane", "crane", f"{_CRANE}/cmd/crane", ("version",), skew=0),
        Binary("opm", _CLUSTER, f"{_OPM}/cmd/opm", ("version",), skew=0),
        Binary("operator-sdk", "operator-sdk", f"{_SDK}/cmd/operator-sdk", ("version",), skew=0),
        Binary("scorecard-test", "operator-sdk", f"{_SDK}/images/scorecard-test"),
        Binary("olm", _CLUSTER, f"{_OLM}/cmd/olm"),
        Binary("catalog", _CLUSTER, f"{_OLM}/cmd/catalog"),
        Binary("package-server", _CLUSTER, f"{_OLM}/cmd/package-server"),
        Binary("copy-content", _CLUSTER, f"{_OLM}/cmd/copy-content"),
        Binary("cpb", _CLUSTER, f"{_OLM}/util/cpb"),
        # All but what renders bundles: Boxcutter's, and Helm's, which renders nothing.
        Binary(
            "olm-v1",
            "operator-controller",
            f"{_OWN}/olm-v1",
            of=_OLM_V1,
            inside=tuple(f"internal/operator-controller/applier/{x}.go" for x in _APPLIERS),
        ),
        # operator-controller needs a module that has no source to be had, boxcutter: what its
        # default runtime uses of it is in the group. service-ca is kopfkit's.
        *(
            Binary(name, "olmv1", f"{_OLM_V1}/cmd/{name}", of=_OLM_V1, within=_STUB, seldom=True)
            for name in ("catalogd", "operator-controller", "service-ca")
        ),
        Binary("coredns", _CLUSTER, f"{_OWN}/cluster/coredns", ("-version",), of=_COREDNS),
        Binary("grpc_health_probe", "grpc-health-probe", _PROBE, ("-version",)),
        Binary("local-path-provisioner", "local-path", _LOCAL_PATH),
        Binary("metrics-server", "metrics-server", f"{_METRICS}/cmd/metrics-server"),
        Binary("render-chart", "render-chart", f"{_OWN}/render-chart", release="v1.0.0"),
        Binary("promtool", "promtool", f"{_PROMETHEUS}/cmd/promtool", skew=0),
        # Whoever uses the chart has a Helm; of another minor version its output is the same.
        Binary("helm", "helm", f"{_HELM}/cmd/helm", ("version", "--short"), skew=3, seldom=True),
    )
}


def binary(name: str) -> Binary:
    """The tool called `name`. Raises KopfkitError for a name that is not in the table."""
    if name not in BINARIES:
        raise KopfkitError(f"tool {name}", "is unknown", f"Valid values: {', '.join(BINARIES)}.")
    return BINARIES[name]


def build_flags(group: gomod.Group) -> list[str]:
    """The `go build` flags of a group. Part of the cache key: a changed flag is a new build."""
    tags = _TAGS.get(group.name, "")
    compute = _LINKER_VARIABLES.get(group.name)
    variables = compute(group) if compute else {}
    linker = " ".join(["-s -w", *(f"-X {name}={text}" for name, text in variables.items())])
    # -tags is always given, so that a GOFLAGS of the user's does not slip in.
    return [
        "-trimpath",
        "-buildvcs=false",
        "-mod=readonly",
        f"-tags={tags}",
        f"-ldflags={linker}",
    ]


def _cluster_variables(group: gomod.Group) -> dict[str, str]:
    # hack/lib/version.sh of Kubernetes. A module's files do not name their commit.
    version = group.versions[_KUBERNETES]
    major, minor, _ = version.removeprefix("v").split(".", 2)
    values = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": "unknown",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return {
        **{f"{package}.{key}": text for package in packages for key, text in values.items()},
        f"{_OLM}/pkg/version.OLMVersion": group.versions[_OLM],
        f"{_OPM}/cmd/opm/version.opmVersion": group.versions[_OPM],
    }


def _sdk_variables(group: gomod.Group) -> dict[str, str]:
    version = group.versions[_SDK]
    prefix = f"{_SDK}/internal/version"
    return {
        f"{prefix}.Version": version,
        f"{prefix}.GitVersion": version,
        f"{prefix}.ImageVersion": version,
        f"{prefix}.KubernetesVersion": "v1." + group.versions["k8s.io/client-go"].split(".", 1)[1],
    }


def _crane_variables(group: gomod.Group) -> dict[str, str]:
    version = group.versions[_CRANE]
    return {
        f"{_CRANE}/cmd/crane/cmd.Version": version,
        f"{_CRANE}/pkg/v1/remote/transport.Version": version,
    }


def _probe_variables(group: gomod.Group) -> dict[str, str]:
    return {"main.versionTag": group.versions[_PROBE]}


def _promtool_variables(group: gomod.Group) -> dict[str, str]:
    return {"github.com/prometheus/common/version.Version": group.versions[_PROMETHEUS]}


def _helm_variables(group: gomod.Group) -> dict[str, str]:
    # The Kubernetes version that a chart's kubeVersion and `helm lint` are judged by.
    _, minor, _ = group.versions["k8s.io/client-go"].split(".", 2)
    kubernetes = {
        f"{_HELM}/pkg/{package}.k8sVersion{part}": number
        for package in ("chartutil", "lint/rules")
        for part, number in (("Major", "1"), ("Minor", minor))
    }
    return {f"{_HELM}/internal/version.version": group.versions[_HELM], **kubernetes}


def _local_path_variables(group: gomod.Group) -> dict[str, str]:
    return {"main.VERSION": group.versions[_LOCAL_PATH]}


def _metrics_variables(group: gomod.Group) -> dict[str, str]:
    return {"k8s.io/client-go/pkg/version.gitVersion": group.versions[_METRICS]}


_LINKER_VARIABLES: Mapping[str, Callable[[gomod.Group], dict[str, str]]] = {
    _CLUSTER: _cluster_variables,
    "operator-sdk": _sdk_variables,
    "crane": _crane_variables,
    "grpc-health-probe": _probe_variables,
    "helm": _helm_variables,
    "local-path": _local_path_variables,
    "metrics-server": _metrics_variables,
    "promtool": _promtool_variables,
}
