"""The values that describe an operator: names, prose, APIs, Deployments, rights, images.

Frozen, without behaviour beyond derived names. `Project` checks itself when it is made and reports
every fault at once (`project.checks`), so that a generator never meets a half-valid description.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kopfkit.crd import CustomResource

# Where a permission is granted. OLM makes the webhook's certificates itself, so rights that only
# serve the in-cluster certificate rotator exist in the kustomize tree alone.
KUSTOMIZE = "kustomize"
OLM = "olm"

# What OpenShift's catalog asks every operator about (features.operators.openshift.io/<name>).
FEATURES = (
    "cnf",
    "cni",
    "csi",
    "disconnected",
    "fips-compliant",
    "proxy-aware",
    "tls-profiles",
    "token-auth-aws",
    "token-auth-azure",
    "token-auth-gcp",
)


@dataclass(frozen=True)
class Link:
    """A named link of the operator's page in a catalog."""

    name: str
    url: str


@dataclass(frozen=True)
class Maintainer:
    """Who answers for the operator."""

    name: str
    email: str


@dataclass(frozen=True)
class Provider:
    """Who publishes the operator."""

    name: str
    url: str = ""


@dataclass(frozen=True)
class Icon:
    """The picture in a catalog: its bytes and their media type (image/svg+xml or image/png)."""

    data: bytes
    media_type: str = "image/svg+xml"


@dataclass(frozen=True)
class Rule:
    """One RBAC rule. Wildcards are refused: a right is named or not granted."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permission:
    """Rules of one service account.

    Args:
        name: suffix of the role's name, e.g. "leader-election"; "" for the main role.
        service_account: whom they are granted to.
        cluster: a ClusterRole (True) or a Role in the operator's own namespace.
        modes: KUSTOMIZE, OLM or both.
        converting: needed only while something is converted; a release without is without it.
    """

    service_account: str
    rules: tuple[Rule, ...]
    cluster: bool
    name: str = ""
    modes: frozenset[str] = frozenset({KUSTOMIZE, OLM})
    converting: bool = False


@dataclass(frozen=True)
class Deployment:
    """One process of the operator: a Deployment with one container of the operator's image.

    Args:
        name: of the Deployment and its service account. OLM derives the webhook's Service and
            certificate Secret from it, so it never changes between releases and has no dots.
        container: the container's name.
        args: the command's arguments.
        component: value of the label app.kubernetes.io/component.
        replicas: how many pods.
        health_port: plain HTTP port of /healthz and /readyz.
        metrics_port: plain HTTP port of /metrics; 0 for none. The args must say the same.
        cpu, memory: what each pod requests (quantities).
        memory_limit: what each pod may use (quantity). There is no CPU limit: throttling a
            webhook costs the API server latency.
        env: plain environment variables.
        api_access: whether the pod gets its service account's token.
        olm_api_access: whether it gets it under OLM, where `api_access` is False.
        scratch: whether /tmp is a small emptyDir; the root file system is read-only.
        pre_stop_seconds: sleep before SIGTERM, so that endpoints are withdrawn first.
        grace_seconds: time from deletion to SIGKILL, pre_stop_seconds included.
        min_ready_seconds: how long a new pod must be ready before an old one goes.
        certificate_args: arguments added where the operator provides for its own certificates.
    """

    name: str
    container: str
    args: tuple[str, ...]
    component: str
    replicas: int
    health_port: int
    cpu: str
    memory: str
    memory_limit: str
    env: Mapping[str, str] = field(default_factory=dict)
    api_access: bool = True
    olm_api_access: bool = False
    scratch: bool = False
    pre_stop_seconds: int = 0
    grace_seconds: int = 30
    min_ready_seconds: int = 0
    certificate_args: tuple[str, ...] = ()
    metrics_port: int = 0


@dataclass(frozen=True)
class Alert:
    """One alerting rule of Prometheus.

    Args:
        name: in CamelCase; also the name of its runbook page.
        expr: PromQL; the alert holds while it gives anything.
        minutes: for how long it must hold before the alert fires.
        severity: critical (somebody gets up), warning (somebody looks today) or info.
        summary: one sentence; may use Prometheus' templates ({{ $labels.x }}).
        description: what it means and what is affected; the same.
        deployment: the Deployment that it is about; a release without that one is without it.
    """

    name: str
    expr: str
    minutes: int
    severity: str
    summary: str
    description: str
    deployment: str = ""


@dataclass(frozen=True)
class Monitoring:
    """How the operator is watched where the Prometheus operator's APIs are served.

    Args:
        alerts: the rules.
        runbooks: URL under which each alert has a page `<name>.md`.
        interval_seconds: between two scrapes.
    """

    alerts: tuple[Alert, ...]
    runbooks: str
    interval_seconds: int = 30


@dataclass(frozen=True)
class Conversion:
    """The conversion webhook: which Deployment serves it, on which port and path.

    On `guard_path` it serves the guard that keeps the CRD's conversion through an upgrade.

    Service and Secret have the names that OLM gives them, in every mode.
    """

    deployment: str
    port: int = 9443
    path: str = "/convert"
    guard_path: str = "/guard"
    cert_dir: str = "/tmp/k8s-webhook-server/serving-certs"

    @property
    def service(self) -> str:
        """Name of the Service in front of the webhook."""
        return f"{self.deployment}-service"

    @property
    def secret(self) -> str:
        """Name of the Secret with tls.crt and tls.key."""
        return f"{self.deployment}-service-cert"


@dataclass(frozen=True)
class RelatedImage:
    """An image the operator runs. `image` None means the operator's own image."""

    name: str
    env: str
    image: str | None = None


@dataclass(frozen=True)
class Child:
    """A kind of object that the operator makes for a custom resource.

    Args:
        of: the kind it is made for; "" for every one.
    """

    version: str
    kind: str
    of: str = ""


@dataclass(frozen=True)
class Project:
    """One operator. KopfkitError, naming every fault, if the description cannot be right.

    Args:
        name: package name in the catalog, prefix of everything, value of app.kubernetes.io/name.
        namespace: where the kustomize tree installs, and what OLM suggests.
        summary: one line for a list of operators.
        description: Markdown for the operator's page.
        capabilities: level of the operator capability model, e.g. "Basic Install".
        categories: OperatorHub.io's standard categories.
        features: those of FEATURES that the operator has.
        architectures: that its image is built for, in Go's names ("amd64", "arm64").
        min_kube_version: oldest Kubernetes it runs on, e.g. "1.31.0".
        repository: URL of the source.
        image_base: default of IMAGE_TAG_BASE, without tag.
        samples: one object per custom resource version at least.
    """

    name: str
    namespace: str
    display_name: str
    summary: str
    description: str
    provider: Provider
    icon: Icon
    links: tuple[Link, ...]
    maintainers: tuple[Maintainer, ...]
    keywords: tuple[str, ...]
    categories: tuple[str, ...]
    capabilities: str
    maturity: str
    min_kube_version: str
    repository: str
    image_base: str
    resources: tuple[CustomResource, ...]
    deployments: tuple[Deployment, ...]
    permissions: tuple[Permission, ...]
    samples: tuple[Mapping[str, Any], ...]
    children: tuple[Child, ...] = ()
    related_images: tuple[RelatedImage, ...] = ()
    conversion: Conversion | None = None
    monitoring: Monitoring | None = None
    features: frozenset[str] = frozenset()
    architectures: tuple[str, ...] = ("amd64",)

    def __post_init__(self) -> None:
        # Imported here: the checks read this module's classes.
        from kopfkit.project.checks import check

        check(self)

    def deployment(self, name: str) -> Deployment:
        """The Deployment of that name; KeyError if there is none."""
        for deployment in self.deployments:
            if deployment.name == name:
                return deployment
        raise KeyError(name)
