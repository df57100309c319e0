"""The one description of this operator; kopfkit generates config/, bundle/ and catalog/ from it.

Nothing that runs in the cluster imports it.
"""

from helloworld_operator.alerts import ALERTS, WEBHOOK
from helloworld_operator.api import HELLOWORLD, KIND, SNAPSHOT
from helloworld_operator.api.samples import SAMPLES
from helloworld_operator.controller import helloworlds, snapshots
from kopfkit.project import (
    Child,
    Conversion,
    Deployment,
    Icon,
    Link,
    Maintainer,
    Monitoring,
    Project,
    Provider,
    RelatedImage,
    rights,
)

NAME = "helloworld-operator"
# Placeholders on names reserved for examples (RFC 2606): set both where the operator is published.
REPOSITORY = "https://example.com/helloworld-operator"
EMAIL = "maintainers@example.com"

# A speech bubble with a wave: drawn for this project.
ICON = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<path fill="#2b6cb0"
 d="M12 8h40a8 8 0 0 1 8 8v24a8 8 0 0 1-8 8H30L16 60V48h-4a8 8 0 0 1-8-8V16a8 8 0 0 1 8-8z"/>
<path fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round"
 d="M14 28q6-10 12 0t12 0 12 0"/>
</svg>
"""

DESCRIPTION = """\
Keeps a greeting service running for each `HelloWorld`: a Deployment of a small HTTP server that \
answers with the message, the Service in front of it, and an autoscaler or a volume where they are \
asked for.

It is small on purpose. It shows what an operator written in Python needs to be installed, \
upgraded and removed by the Operator Lifecycle Manager, and to look after something with state.

## What it does

* **Reconciles** its children by server-side apply; a deleted or edited child comes back, what is \
not its own is never touched.
* **Converts** between `v1alpha1` and `v1` without losing a field, in a Deployment of its own, and \
migrates stored objects when the stored version changes.
* **Keeps data**: a guest book on a volume that grows, `HelloWorldSnapshot` copies on demand and \
by a schedule, restores; an upgrade takes a snapshot first and goes back by itself if it fails.
* **Reports** conditions with reasons and hints, Events, Prometheus metrics and alerts with \
runbooks, traces.
* **Is highly available**: two controllers with a leader Lease, two webhook pods.

## Try it

    apiVersion: test.jiaozi.com/v1
    kind: HelloWorld
    metadata:
      name: hello
    spec:
      replicas: 2
      greeting:
        message: Hello, World!

`kubectl get hw` shows the object and whether the greeting is answered.

## Before you remove it

Uninstalling the operator leaves the HelloWorld objects and their Deployments in place. Delete the \
objects first if the greetings are to go: without the operator nothing converts between the API's \
versions.
"""

CONTROLLER = Deployment(
    name=NAME,
    container="operator",
    args=("run", "--health-port=8080", "--metrics-port=8081"),
    component="controller",
    # The leader by Lease, and one that waits with its caches filled.
    replicas=2,
    health_port=8080,
    metrics_port=8081,
    cpu="20m",
    memory="64Mi",
    # The goal is 120 MB with 10,000 objects; twice that, so that a burst is no OOM kill.
    memory_limit="256Mi",
    env={"LOG_FORMAT": "json"},
    scratch=True,
    certificate_args=("--manage-certificates",),
)

CONVERTER = Deployment(
    name=WEBHOOK,
    container="webhook",
    args=("webhook", "--port=9443", "--health-port=8080", "--metrics-port=8081"),
    component="webhook",
    replicas=2,
    health_port=8080,
    metrics_port=8081,
    cpu="20m",
    memory="48Mi",
    memory_limit="192Mi",
    env={"LOG_FORMAT": "json"},
    # The converter is pure: it calls no API.
    api_access=False,
    # 5 s until every API server has seen the endpoint go, then 25 s to answer what is open.
    pre_stop_seconds=5,
    grace_seconds=30,
)

CONVERSION = Conversion(deployment=WEBHOOK)

USES = (*helloworlds.controller(None).uses(), *snapshots.controller(None).uses())
# What the processes say they do, and nothing else. The rights to the webhook's certificate follow
# from the declared conversion.
PERMISSIONS = (
    rights.main(NAME, (*USES, rights.events())),
    rights.storage_migration(NAME, HELLOWORLD),
    rights.protection(NAME, HELLOWORLD),
    rights.leader_election(NAME, lease=NAME),
    rights.monitoring(NAME, project=NAME),
)

PROJECT = Project(
    name=NAME,
    namespace="helloworld-operator-system",
    display_name="HelloWorld Operator",
    summary="Keeps a greeting service running for each HelloWorld object",
    description=DESCRIPTION,
    provider=Provider("HelloWorld Operator maintainers", REPOSITORY),
    icon=Icon(ICON),
    links=(
        Link("Source", REPOSITORY),
        Link("Documentation", f"{REPOSITORY}#readme"),
    ),
    maintainers=(Maintainer("HelloWorld Operator maintainers", EMAIL),),
    keywords=("helloworld", "greeting", "example", "kopf", "python", "conversion webhook"),
    categories=("Developer Tools",),
    capabilities="Deep Insights",
    maturity="alpha",
    # The preStop sleep action (1.30) and CEL's quantity library in the CRD's rules (1.29).
    min_kube_version="1.30.0",
    repository=REPOSITORY,
    image_base="localhost:5001/helloworld-operator",
    resources=(HELLOWORLD, SNAPSHOT),
    deployments=(CONTROLLER, CONVERTER),
    permissions=PERMISSIONS,
    samples=SAMPLES,
    children=(
        Child("v1", "Deployment", KIND),
        Child("v1", "Service", KIND),
        Child("v2", "HorizontalPodAutoscaler", KIND),
        Child("v1", "PersistentVolumeClaim"),
        Child("v1", "Job", SNAPSHOT.kind),
        # Named with its version, or operator-sdk warns that events.k8s.io had one that was removed.
        Child("v1", "Event"),
    ),
    related_images=(RelatedImage("helloworld", "RELATED_IMAGE_HELLOWORLD"),),
    conversion=CONVERSION,
    # Images are named by digest or variable, and none is fetched from elsewhere.
    features=frozenset({"disconnected"}),
    monitoring=Monitoring(
        ALERTS,
        runbooks=f"{REPOSITORY}/blob/main/docs/runbooks",
        generated=f"{REPOSITORY}/blob/main/config/prometheus/runbooks",
    ),
)
