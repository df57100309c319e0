"""The Deployments of an operator, the webhook's Service and PodDisruptionBudget, as objects.

The pods meet the restricted Pod Security Standard whatever the description says: not root, no
capabilities, no privilege escalation, RuntimeDefault seccomp, read-only root file system.
"""

from typing import Any

from kopfkit.environment import POD_NAME, POD_NAMESPACE, WATCH_NAMESPACE, WEBHOOK_DEPLOYMENT
from kopfkit.project import Deployment, Project

Object = dict[str, Any]

# Any uid but 0; the one distroless images call nonroot, which the operator's image uses too.
UID = 65532
# The annotation of pods in which OLM names the namespaces of the OperatorGroup; "" is all.
TARGETS = "olm.targetNamespaces"
# A Deployment says it failed after this long (Kubernetes' default is 600, too long to wait for).
PROGRESS_DEADLINE_SECONDS = 300
# Namespaces in which Prometheus usually runs: kube-prometheus, OpenShift, the community's chart.
MONITORING = (
    "monitoring",
    "openshift-monitoring",
    "openshift-user-workload-monitoring",
    "prometheus",
)


def labels(project: Project, component: str = "") -> dict[str, str]:
    """The labels of every object of the operator; with the component, also a selector."""
    found = {"app.kubernetes.io/name": project.name}
    if component:
        found["app.kubernetes.io/component"] = component
    return found


def metadata(project: Project, name: str, *, component: str = "", cluster: bool = False) -> Object:
    """metadata of an object of the operator; `cluster`: it has no namespace."""
    found: Object = {"name": name}
    if not cluster:
        found["namespace"] = project.namespace
    found["labels"] = labels(project, component)
    return found


def _probe(path: str, **timing: int) -> Object:
    return {"httpGet": {"path": path, "port": "health"}, **timing}


def is_webhook(project: Project, deployment: Deployment) -> bool:
    """Whether the API server calls it."""
    return project.webhook is not None and project.webhook.deployment == deployment.name


def _environment(
    project: Project, deployment: Deployment, image: str, *, under_olm: bool
) -> list[Object]:
    found: list[Object] = [
        {"name": POD_NAMESPACE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": POD_NAME, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    if under_olm and deployment.api_access and project.limitable:
        path = f"metadata.annotations['{TARGETS}']"
        found.append({"name": WATCH_NAMESPACE, "valueFrom": {"fieldRef": {"fieldPath": path}}})
    found += [{"name": name, "value": value} for name, value in deployment.env.items()]
    if is_webhook(project, deployment):
        found.append({"name": WEBHOOK_DEPLOYMENT, "value": deployment.name})
    if deployment.api_access:
        # Who reaches the API makes the operands, and needs to know their images.
        found += [
            {"name": related.env, "value": related.image or image}
            for related in project.related_images
        ]
    return found


def _container(project: Project, deployment: Deployment, image: str, *, mount: bool) -> Object:
    webhook = project.webhook
    serves = is_webhook(project, deployment)
    live = deployment.live_path
    ports: list[Object] = []
    if webhook and serves:
        ports.append({"name": "webhook", "containerPort": webhook.port, "protocol": "TCP"})
    ports.append({"name": "health", "containerPort": deployment.health_port, "protocol": "TCP"})
    if deployment.metrics_port:
        port = deployment.metrics_port
        ports.append({"name": "metrics", "containerPort": port, "protocol": "TCP"})
    found: Object = {
        "name": deployment.container,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(deployment.args),
        "env": _environment(project, deployment, image, under_olm=not mount),
        "ports": ports,
        # Starting is given a minute; afterwards a process that hangs is restarted within 30 s.
        "startupProbe": _probe(live, periodSeconds=1, failureThreshold=60),
        "livenessProbe": _probe(live, periodSeconds=10, timeoutSeconds=5, failureThreshold=3),
        "readinessProbe": _probe(
            deployment.ready_path, periodSeconds=2, timeoutSeconds=2, failureThreshold=2
        ),
        "resources": {
            "requests": {"cpu": deployment.cpu, "memory": deployment.memory},
            "limits": {"memory": deployment.memory_limit},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if deployment.pre_stop_seconds:
        found["lifecycle"] = {"preStop": {"sleep": {"seconds": deployment.pre_stop_seconds}}}
    mounts: list[Object] = []
    if deployment.scratch:
        mounts.append({"name": "tmp", "mountPath": "/tmp"})
    if webhook and serves and mount:
        mounts.append({"name": "serving-certs", "mountPath": webhook.cert_dir, "readOnly": True})
    if mounts:
        found["volumeMounts"] = mounts
    return found


def _volumes(project: Project, deployment: Deployment, *, mount: bool) -> list[Object]:
    found: list[Object] = []
    if deployment.scratch:
        found.append({"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}})
    if mount and project.webhook and is_webhook(project, deployment):
        items = [{"key": key, "path": key} for key in ("tls.crt", "tls.key")]
        # Not optional: the kubelet then waits for the Secret with a backoff of seconds, while an
        # optional one that comes late is noticed at the next sync, a minute or more later.
        found.append(
            {
                "name": "serving-certs",
                "secret": {"secretName": project.webhook.secret, "items": items},
            }
        )
    return found


def _spread(project: Project, deployment: Deployment) -> Object:
    term = {
        "labelSelector": {"matchLabels": labels(project, deployment.component)},
        "topologyKey": "kubernetes.io/hostname",
    }
    return {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "podAffinityTerm": term}
            ]
        }
    }


def deployment_spec(
    project: Project, deployment: Deployment, image: str, *, mount_certificate: bool
) -> Object:
    """The spec of the Deployment.

    Args:
        image: of the operator.
        mount_certificate: mount the webhook's Secret; False under OLM, which does it itself.
    """
    under_olm = not mount_certificate
    pod: Object = {
        "serviceAccountName": deployment.name,
        "automountServiceAccountToken": deployment.api_access
        or (under_olm and is_webhook(project, deployment)),
        "terminationGracePeriodSeconds": deployment.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(project, deployment, image, mount=mount_certificate)],
    }
    if deployment.replicas > 1:
        pod["affinity"] = _spread(project, deployment)
    if volumes := _volumes(project, deployment, mount=mount_certificate):
        pod["volumes"] = volumes
    spec: Object = {
        "replicas": deployment.replicas,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "selector": {"matchLabels": labels(project, deployment.component)},
        "template": {
            "metadata": {
                "labels": labels(project, deployment.component),
                "annotations": {"kubectl.kubernetes.io/default-container": deployment.container},
            },
            "spec": pod,
        },
    }
    if deployment.min_ready_seconds:
        spec["minReadySeconds"] = deployment.min_ready_seconds
    return spec


def deployment_object(project: Project, deployment: Deployment, image: str) -> Object:
    """The Deployment as the kustomize tree has it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(project, deployment.name, component=deployment.component),
        "spec": deployment_spec(project, deployment, image, mount_certificate=True),
    }


def service(project: Project, deployment: Deployment) -> Object:
    """The webhook's Service, with the name and port of the one that OLM makes."""
    assert project.webhook is not None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(project, project.webhook.service, component=deployment.component),
        "spec": {
            "selector": labels(project, deployment.component),
            "ports": [{"name": "https", "port": 443, "targetPort": "webhook", "protocol": "TCP"}],
        },
    }


def disruption_budget(project: Project, deployment: Deployment, *, namespaced: bool) -> Object:
    """At most one pod at a time may be evicted (drains go on, the webhook answers on).

    `namespaced`: name the namespace; in a bundle OLM fills it in.
    """
    found = metadata(
        project, deployment.name, component=deployment.component, cluster=not namespaced
    )
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": found,
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": labels(project, deployment.component)},
        },
    }


def network_policy(project: Project, deployment: Deployment, *, namespaced: bool) -> Object:
    """Who reaches the pods' ports, on a network that enforces it.

    The metrics are for the operator's own namespace and for those that scrape: they say what is
    going on in all namespaces. The webhook's port and the probes' are open to everybody: API
    servers and kubelets are no pods, and no selector names them. What the pods reach is not
    limited: where the API server is, the description does not know.

    `namespaced`: name the namespace; in a bundle OLM fills it in.
    """
    found = metadata(
        project, deployment.name, component=deployment.component, cluster=not namespaced
    )
    ports: list[int] = [deployment.health_port]
    if project.webhook is not None and is_webhook(project, deployment):
        ports.append(project.webhook.port)
    ingress: list[Object] = [{"ports": [_tcp(port) for port in ports]}]
    if deployment.metrics_port:
        ingress.append({"from": _scrapers(), "ports": [_tcp(deployment.metrics_port)]})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": found,
        "spec": {
            "podSelector": {"matchLabels": labels(project, deployment.component)},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    }


def _tcp(port: int) -> Object:
    return {"port": port, "protocol": "TCP"}


def _scrapers() -> list[Object]:
    """Who may read the metrics: the operator's own namespace, those that are labelled for it
    (kubebuilder's convention), and Prometheus' usual ones, by the label the API server sets."""
    name = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(MONITORING)}
    return [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {"metrics": "enabled"}}},
        {"namespaceSelector": {"matchExpressions": [name]}},
    ]
