"""The one description of this operator; kopfkit generates config/, bundle/ and catalog/ from it.

Nothing that runs in the cluster imports it.
"""

from helloworld_operator.alerts import ALERTS, WEBHOOK
from helloworld_operator.api.samples import SAMPLES
from helloworld_operator.controller.operator import operator
from helloworld_operator.identity import IDENTITY
from kopfkit.project import Icon, Link, Maintainer, Monitoring, Provider, RelatedImage, derived

__all__ = ["NAME", "PROJECT", "WEBHOOK"]

NAME = IDENTITY.name
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

# Resources, Deployments, rights, conversion and the kinds of children follow from the operator.
PROJECT = derived.project(
    operator(None),
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
    samples=SAMPLES,
    related_images=(RelatedImage("helloworld", "RELATED_IMAGE_HELLOWORLD"),),
    # Images are named by digest or variable, and none is fetched from elsewhere.
    features=frozenset({"disconnected"}),
    monitoring=Monitoring(
        ALERTS,
        runbooks=f"{REPOSITORY}/blob/main/docs/runbooks",
        generated=f"{REPOSITORY}/blob/main/config/prometheus/runbooks",
    ),
)
