"""The values that a `Project` is put together from: names, Deployments, rights, alerts, images.

Frozen, without behaviour beyond derived names. What makes them valid is in `checks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kopfkit.admission.hooks import Hook

# Where a permission is granted. OLM makes the webhook's certificates itself, so rights that only
# serve the in-cluster certificate rotator exist in the kustomize tree alone.
KUSTOMIZE = "kustomize"
OLM = "olm"


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
        watched: of a cluster's one, that it is about objects in the namespaces that are watched.
            Where those are not all, it is a Role in each of them.
        converting: needed only while something is converted; a release without is without it.
    """

    service_account: str
    rules: tuple[Rule, ...]
    cluster: bool
    name: str = ""
    modes: frozenset[str] = frozenset({KUSTOMIZE, OLM})
    converting: bool = False
    watched: bool = False


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
        health_port: plain HTTP port of the probes.
        live_path: what liveness and startup probes ask. kopf's own endpoint serves
            (`kopf run --liveness=http://0.0.0.0:8080/healthz`).
        ready_path: what the readiness probe asks; kopf has no other than that of liveness.
        metrics_port: plain HTTP port of /metrics; 0 for none. The args must say the same.
        cpu, memory: what each pod requests (quantities).
        memory_limit: what each pod may use (quantity). There is no CPU limit: throttling a
            webhook costs the API server latency.
        env: plain environment variables.
        api_access: whether the pod gets its service account's token. A webhook gets it under OLM
            in any case, where it looks after its certificate (`kopfkit.webhook`).
        scratch: whether /tmp is a small emptyDir; the root file system is read-only.
        pre_stop_seconds: sleep before SIGTERM, so that endpoints are withdrawn first.
        grace_seconds: time from deletion to SIGKILL, pre_stop_seconds included.
        min_ready_seconds: how long a new pod must be ready before an old one goes.
        certificate_args: arguments added where the operator provides for its own certificates.
        local_args: arguments added outside the cluster (`kopfkit run local`). There the values of
            --health-port=, --metrics-port=, --port= and --cert-dir= are this machine's, if args or
            local_args have these flags; nothing else is added or changed.
        debug_args: arguments added where the process waits for a debugger.
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
    scratch: bool = False
    pre_stop_seconds: int = 0
    grace_seconds: int = 30
    min_ready_seconds: int = 0
    certificate_args: tuple[str, ...] = ()
    local_args: tuple[str, ...] = ()
    debug_args: tuple[str, ...] = ()
    live_path: str = "/healthz"
    ready_path: str = "/readyz"
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
        runbook: Markdown of its page below the title, which is then generated beside the rules;
            "" where the page is written by hand.
    """

    name: str
    expr: str
    minutes: int
    severity: str
    summary: str
    description: str
    deployment: str = ""
    runbook: str = ""


@dataclass(frozen=True)
class Monitoring:
    """How the operator is watched where the Prometheus operator's APIs are served.

    Args:
        alerts: the rules.
        runbooks: URL under which each alert has a page `<name>.md`.
        generated: URL of the pages that alerts bring themselves; that of the others by default.
        interval_seconds: between two scrapes.
    """

    alerts: tuple[Alert, ...]
    runbooks: str
    interval_seconds: int = 30
    generated: str = ""


@dataclass(frozen=True)
class Webhook:
    """The process that the API server calls: which Deployment serves it, on which port.

    All that its certificate needs follows from this declaration: the rights, and what
    `kopfkit.webhook` is told in the pods.

    Service and Secret have the names that OLM gives them, in every mode.
    """

    deployment: str
    port: int = 9443
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
class Conversion(Webhook):
    """The conversion webhook. On `guard_path` it serves the guard that keeps the CRD's conversion
    through an upgrade."""

    path: str = "/convert"
    guard_path: str = "/guard"


@dataclass(frozen=True)
class Admission(Webhook):
    """The admission webhooks; beside a conversion, the same Deployment serves them."""

    hooks: tuple[Hook, ...] = ()


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
