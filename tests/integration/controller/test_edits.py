"""Edits of children by other field managers are undone; what contradicts nothing stays.

How many edits are generated, says KOPFKIT_EDITS: 60 where it is not set, 10,000 in a soak. The seed
is 5, in a soak another one each time; KOPFKIT_EDITS_SEED repeats a run. How long repairs took is
printed. In a soak, and where KOPFKIT_EDITS_WITHIN says so, one that took longer than that many
seconds (5 in a soak) is a fault; everywhere else a slow machine is none.
"""

import copy
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from budgets import SOAK, examples
from helloworld_operator.api import v1
from helloworld_operator.controller import desired, helloworlds, volumes
from helloworld_operator.controller.desired import Desired
from helloworld_operator.controller.names import MANAGER
from helloworld_operator.settings import OPERAND_PORT
from kopfkit.controller import decode_spec
from kopfkit.controller.building import Builder
from kopfkit.runtime.api.fields import differences
from kopfkit.testing.client import Api, ApiError
from kopfkit.testing.waiting import eventually

from .conftest import IMAGE, Hello
from .edits import edit
from .fields import Schemas

pytestmark = pytest.mark.usefixtures("operator")

Change = Callable[[Any], None]
EDITS = {"kubectl": "update", "flux": "patch", "argocd": "apply"}
# What of our own container nobody else may add to.
EXACT = (
    "name",
    "image",
    "command",
    "args",
    "env",
    "envFrom",
    "ports",
    "volumeMounts",
    "volumeDevices",
    "securityContext",
    "lifecycle",
    "workingDir",
    "livenessProbe",
    "startupProbe",
    "terminationMessagePath",
    "restartPolicy",
    "restartPolicyRules",
)
# What of our Service nobody else may set.
ANSWERING = ("internalTrafficPolicy", "publishNotReadyAddresses", "externalIPs")
HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")
APPARMOR = "container.apparmor.security.beta.kubernetes.io/greeting"
# An edit that is refused: unreadable, forbidden, in between of two writes, invalid; the API server
# of 1.34 answers 500 to an apply that has two items of one key.
REFUSALS = (400, 403, 409, 422, 500)
POD = (
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "shareProcessNamespace",
    "serviceAccountName",
    "nodeName",
    "securityContext",
)


@dataclass
class Child:
    """A child as it was before anybody edited it, and as it is wanted."""

    api: Api
    one: Hello
    kind: str
    wanted: Any
    path: str
    original: Any
    took: list[float] = field(default_factory=list)

    def get(self) -> Any:
        return self.api.get(self.path)

    def check(self) -> bool:
        """Whether it is as wanted, and an apply of what is wanted would be accepted."""
        now = self.get()
        found = differences(self.wanted, now)
        assert not found, found
        assert now["metadata"].get("ownerReferences"), now["metadata"]
        if self.kind == "Deployment":
            pod, before = (each["spec"]["template"]["spec"] for each in (now, self.original))
            greeting = [each for each in pod["containers"] if each["name"] == "greeting"]
            others = [each for each in pod["containers"] if each["name"] != "greeting"]
            for each in (*others, *pod.get("initContainers", [])):
                runs = [each["image"], each.get("command"), each.get("args")]
                assert runs != [IMAGE, None, ["serve"]], each
                ports = each.get("ports", [])
                taken = {(port["containerPort"], port.get("protocol", "TCP")) for port in ports}
                assert (OPERAND_PORT, "TCP") not in taken, each
                assert all(port.get("name") != "http" for port in ports), each
            for name in EXACT:
                assert greeting[0].get(name) == before["containers"][0].get(name), name
            for name in HANDLERS:
                probes = (greeting[0], before["containers"][0])
                one, other = (each["readinessProbe"].get(name) for each in probes)
                assert one == other, name
            for name in POD:
                assert pod.get(name) == before.get(name), name
            volumes = before.get("volumes", [])
            ours = {each["name"] for each in volumes}
            assert [each for each in pod.get("volumes", []) if each["name"] in ours] == volumes
            started = pod.get("initContainers", [])
            assert all(each.get("restartPolicy") == "Always" for each in started), started
            metadata = now["spec"]["template"]["metadata"]
            assert APPARMOR not in metadata.get("annotations", {}), metadata
            assert "finalizers" not in metadata, metadata
        if self.kind == "Service":
            for name in ANSWERING:
                assert now["spec"].get(name) == self.original["spec"].get(name), name
        if self.kind == "HorizontalPodAutoscaler":
            assert now["spec"]["metrics"] == self.original["spec"]["metrics"]
        return True

    def healed(self, patience: float = 120) -> Any:
        """Wait until it is; the child. Only a failure waits as long as that, in seconds."""
        begun = time.monotonic()
        eventually(self.check, timeout=patience)
        self.took.append(time.monotonic() - begun)
        self.api.apply(self.wanted, manager="helloworld-operator", force=True, dryRun="All")
        return self.get()

    def restore(self) -> None:
        """Put it right where the operator does not."""
        now = self.get()
        now["spec"] = self.original["spec"]
        self.api.put(self.path, now, fieldManager="helloworld-operator")
        eventually(self.check)

    def write(self, manager: str, verb: str, new: Any) -> None:
        """Store an edited copy. Raises ApiError where the API server refuses it."""
        if verb == "update":
            # Whatever happened since it was read: the status moves on all the time.
            metadata = {k: v for k, v in new["metadata"].items() if k != "resourceVersion"}
            self.api.put(self.path, {**new, "metadata": metadata}, fieldManager=manager)
        elif verb == "patch":
            metadata = {name: new["metadata"].get(name) for name in METADATA}
            operations = [
                {"op": "add", "path": f"/metadata/{name}", "value": value}
                if value is not None
                else {"op": "remove", "path": f"/metadata/{name}"}
                for name, value in metadata.items()
                if value is not None or name in self.get()["metadata"]
            ]
            operations.append({"op": "replace", "path": "/spec", "value": new["spec"]})
            self.api.patch(self.path, operations, "json", fieldManager=manager)
        else:
            metadata = {name: new["metadata"].get(name) for name in METADATA}
            body = {
                "apiVersion": self.wanted["apiVersion"],
                "kind": self.wanted["kind"],
                "metadata": {
                    **{name: value for name, value in metadata.items() if value},
                    "name": new["metadata"]["name"],
                    "namespace": new["metadata"]["namespace"],
                },
                "spec": new["spec"],
            }
            self.api.apply(body, manager=manager, force=True)


METADATA = ("labels", "annotations", "ownerReferences")


CONTROLLER = helloworlds.controller(IMAGE)
BUILDER = Builder(MANAGER, CONTROLLER.kind, CONTROLLER.hash_key, CONTROLLER.owned)
BUILDS: dict[str, Callable[[Desired], Any]] = {
    "PersistentVolumeClaim": lambda wanted: volumes.claim(
        wanted.name, wanted.spec.persistence or v1.Persistence(), None, volumes.NOTHING
    ),
    "Deployment": desired.deployment,
    **{each.kind.kind: each.build for each in desired.CHILDREN},
}
# Kinds that not every HelloWorld has; one with an autoscaler has them all.
OPTIONAL = tuple(each.kind.kind for each in desired.CHILDREN if each.delete)


def _child(api: Api, one: Hello, kind: str) -> Child:
    owner = one.get()
    spec = decode_spec(owner, v1.Spec)
    replicas = None if spec.autoscaling is not None else spec.replicas
    made = BUILDS[kind](Desired(one.name, spec, IMAGE, own_image=True, replicas=replicas))
    _, wanted = BUILDER.applied(owner, made)
    path = api.path_of(wanted)
    eventually(lambda: not differences(wanted, api.get(path)))
    return Child(api, one, kind, wanted, path, api.get(path))


@pytest.fixture(scope="module")
def space(plane: Any) -> Iterator[str]:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "edits-"}}
    name: str = plane.api.post("/api/v1/namespaces", body)["metadata"]["name"]
    # One that edits name. Without it a ReplicaSet that the Deployment controller made in between
    # has its pods refused, and keeps its place for ever: there are no nodes where others get ready.
    account = {"metadata": {"name": "other"}}
    plane.api.post(f"/api/v1/namespaces/{name}/serviceaccounts", account)
    yield name
    pods = f"/api/v1/namespaces/{name}/pods"
    for each in plane.api.get(pods)["items"]:
        if each["metadata"].get("finalizers"):  # made between an edit and its end
            path = f"{pods}/{each['metadata']['name']}"
            plane.api.patch(path, {"metadata": {"finalizers": None}})
    plane.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def children(plane: Any, operator: Any, space: str) -> dict[str, Child]:
    """Every kind of child, of two HelloWorlds."""
    made: dict[str, Child] = {}
    for name, spec, kinds in (
        ("scaled", {"autoscaling": {"maxReplicas": 3}}, OPTIONAL),
        ("kept", {"persistence": {"size": "16Mi"}}, ("PersistentVolumeClaim", "Deployment")),
        ("plain", {"replicas": 2}, ("Service", "Deployment")),
    ):
        plane.api.create(
            {
                "apiVersion": "test.jiaozi.com/v1",
                "kind": "HelloWorld",
                "metadata": {"name": name, "namespace": space},
                "spec": spec,
            }
        )
        one = Hello(plane.api, space, name, name)
        for kind in kinds:
            made[f"{name} {kind}"] = eventually(
                lambda one=one, kind=kind: _child(plane.api, one, kind)
            )
    return made


def container(live: Any) -> Any:
    return live["spec"]["template"]["spec"]["containers"][0]


def pod(live: Any) -> Any:
    return live["spec"]["template"]["spec"]


def port(**change: Any) -> Change:
    return lambda live: live["spec"]["ports"][0].update(change)


def unnamed(live: Any) -> None:
    live["spec"]["ports"][0].pop("name")
    live["spec"]["ports"][0]["port"] = 81


def set_pod(**fields: Any) -> Change:
    return lambda live: pod(live).update(fields)


def set_container(**fields: Any) -> Change:
    return lambda live: container(live).update(fields)


def renamed(live: Any) -> None:
    container(live)["name"] = "renamed"
    del container(live)["ports"]


def copied(live: Any) -> None:
    one = {**copy.deepcopy(container(live)), "name": "copy", "restartPolicy": "Always"}
    for name in ("ports", "lifecycle", "readinessProbe"):
        del one[name]
    pod(live)["initContainers"] = [one]


def native(live: Any) -> None:
    ports = [{"containerPort": OPERAND_PORT}]
    one = {"name": "proxy", "image": "i:1", "restartPolicy": "Always", "ports": ports}
    pod(live)["initContainers"] = [one]


def finalizer(live: Any) -> None:
    live["spec"]["template"]["metadata"]["finalizers"] = ["other.example/keeps"]


def set_service(**fields: Any) -> Change:
    return lambda live: live["spec"].update(fields)


def secret_env(live: Any) -> None:
    entry = next(each for each in container(live)["env"] if each["name"] == "GREETING_MESSAGE")
    del entry["value"]
    entry["valueFrom"] = {"secretKeyRef": {"name": "s", "key": "k"}}


def privileged(live: Any) -> None:
    container(live)["securityContext"] = {"privileged": True}


def empty_dir(live: Any) -> None:
    pod(live)["volumes"][0] = {"name": "data", "emptyDir": {}}


def orphaned(live: Any) -> None:
    live["metadata"].pop("ownerReferences")


def unlabelled(live: Any) -> None:
    live["metadata"].pop("ownerReferences")
    live["metadata"].pop("labels")


def strategy(live: Any) -> None:
    live["spec"]["strategy"] = {"type": "RollingUpdate"}


def requests(live: Any) -> None:
    container(live)["resources"]["limits"]["ephemeral-storage"] = "1Gi"
    container(live)["resources"]["requests"]["ephemeral-storage"] = "1Gi"


def load_balancer(live: Any) -> None:
    live["spec"]["type"] = "LoadBalancer"
    live["spec"]["loadBalancerSourceRanges"] = ["10.0.0.0/8"]


def external(live: Any) -> None:
    live["spec"] = {"type": "ExternalName", "externalName": "other.example"}


INPUTS: dict[str, tuple[str, Change]] = {
    "port": ("plain Service", port(port=8888)),
    "protocol": ("plain Service", port(protocol="UDP")),
    "unnamed port": ("plain Service", unnamed),
    "load balancer": ("plain Service", load_balancer),
    "external name": ("plain Service", external),
    "internal traffic": ("plain Service", set_service(internalTrafficPolicy="Local")),
    "addresses not ready": ("plain Service", set_service(publishNotReadyAddresses=True)),
    "external addresses": ("plain Service", set_service(externalIPs=["192.0.2.1"])),
    "containerPort": (
        "plain Deployment",
        lambda live: container(live)["ports"][0].update(containerPort=9090),
    ),
    "env valueFrom": ("plain Deployment", secret_env),
    "env": (
        "plain Deployment",
        lambda live: container(live)["env"].append({"name": "LD_PRELOAD", "value": "/x"}),
    ),
    "probe": (
        "plain Deployment",
        set_container(readinessProbe={"exec": {"command": ["true"]}}),
    ),
    "claim to emptyDir": ("kept Deployment", empty_dir),
    "strategy": ("kept Deployment", strategy),
    "privileged": ("plain Deployment", privileged),
    "renamed container": ("plain Deployment", set_container(name="renamed")),
    "renamed container without ports": ("plain Deployment", renamed),
    "copy as a native sidecar": ("plain Deployment", copied),
    "native sidecar at our port": ("plain Deployment", native),
    "command": ("plain Deployment", set_container(command=["sh"])),
    "termination message": (
        "kept Deployment",
        set_container(terminationMessagePath="/data/guestbook.db"),
    ),
    "finalizer of pods": ("kept Deployment", finalizer),
    "node": ("plain Deployment", set_pod(nodeName="node-1")),
    "host": ("plain Deployment", set_pod(hostNetwork=True, hostPID=True)),
    "service account": ("plain Deployment", set_pod(serviceAccountName="other")),
    "init container": (
        "plain Deployment",
        set_pod(initContainers=[{"name": "before", "image": "i:1"}]),
    ),
    # The API server of these tests checks who sets owners, and the operator may delete no others.
    "owner": ("scaled HorizontalPodAutoscaler", orphaned),
    "owner and labels": ("scaled HorizontalPodAutoscaler", unlabelled),
}


def as_expected(one: Hello) -> bool:
    # There are no nodes: a rollout that lasts is stuck after three minutes.
    return bool(one.condition("Degraded")["reason"] in ("AsExpected", "RolloutStuck"))


def stuck(one: Hello) -> str:
    """What is told where the API server refuses to have a child changed, with the way out."""
    degraded = one.condition("Degraded")
    told = str(degraded["message"])
    return told if degraded["reason"] == "Rejected" and "hint: " in told else ""


def refused(one: Hello) -> bool:
    """A field of the pods that nothing contradicts stays, such as priorityClassName. Where it names
    what is not there, no pod is made, and that is told."""
    return bool(one.condition("Degraded")["reason"] == "PodsRefused")


def paused(one: Hello) -> bool:
    """So does a pause, which is told."""
    return bool(one.condition("Degraded")["reason"] == "RolloutPaused")


@pytest.mark.parametrize("name", INPUTS)
def test_an_edit_beside_what_we_set_is_undone(children: dict[str, Child], name: str) -> None:
    which, change = INPUTS[name]
    child = children[which]
    uid = child.get()["metadata"]["uid"]
    for manager, verb in EDITS.items():
        new = child.get()
        change(new)
        for name in ("resourceVersion", "managedFields"):
            new["metadata"].pop(name, None)
        try:
            child.write(manager, verb, new)
        except ApiError as error:
            # An apply adds beside ours, and may be refused itself.
            if verb != "apply" or error.status != 422:
                raise
            continue
        now = child.healed()
        assert now["metadata"]["uid"] == uid
    eventually(lambda: as_expected(child.one))


def test_what_the_api_server_lets_nobody_undo_is_told_with_the_way_out(
    children: dict[str, Child],
) -> None:
    """It took the edit, and refuses every write of the Service from then on."""
    child = children["plain Service"]
    new = child.get()
    new["spec"] = {"type": "ExternalName", "externalName": "other.example", "clusterIP": "1"}
    child.write("kubectl-edit", "update", new)
    told = eventually(lambda: stuck(child.one))
    assert f"`kubectl delete service {child.one.name} -n {child.one.namespace}`" in told
    child.api.delete(child.path)
    eventually(child.check)
    eventually(lambda: as_expected(child.one))


def test_what_contradicts_nothing_stays(children: dict[str, Child]) -> None:
    deployment, service = children["plain Deployment"], children["plain Service"]
    new = deployment.get()
    native = {"name": "proxy", "image": "i:1", "restartPolicy": "Always"}
    pod(new).update(initContainers=[native], nodeSelector={"disk": "ssd"})
    pod(new)["containers"].append({"name": "sidecar", "image": "i:1"})
    pod(new)["volumes"] = [{"name": "certs", "emptyDir": {}}]
    container(new)["readinessProbe"]["initialDelaySeconds"] = 3
    container(new)["command"] = ["sh"]
    deployment.write("injector", "update", new)
    eventually(lambda: "command" not in container(deployment.get()))
    now = pod(deployment.get())
    assert [each["name"] for each in now["containers"]] == ["greeting", "sidecar"]
    assert [each["name"] for each in now["initContainers"]] == ["proxy"]
    assert now["nodeSelector"] == {"disk": "ssd"}
    assert now["volumes"][0]["name"] == "certs"
    assert now["containers"][0]["readinessProbe"]["initialDelaySeconds"] == 3
    pod(new := deployment.get()).update(initContainers=None, volumes=None, nodeSelector=None)
    del pod(new)["containers"][1]
    deployment.write("injector", "update", new)

    new = service.get()
    new["spec"]["ports"].append({"name": "metrics", "port": 9090, "protocol": "TCP"})
    new["spec"]["ports"][0]["port"] = 81
    service.write("mesh", "update", new)
    now = service.healed()
    assert {each["port"] for each in now["spec"]["ports"]} == {80, 9090}


def test_what_the_api_server_refuses_beside_a_new_spec_gives_way(
    children: dict[str, Child],
) -> None:
    deployment = children["plain Deployment"]
    new = deployment.get()
    pod(new)["resources"] = {"limits": {"memory": "256Mi"}}
    deployment.write("autoscaler", "update", new)
    one = deployment.one
    deployment.api.patch(one.path, {"spec": {"resources": {"limits": {"memory": "512Mi"}}}})
    eventually(lambda: container(deployment.get())["resources"] == {"limits": {"memory": "512Mi"}})
    assert "resources" not in pod(deployment.get())
    deployment.api.patch(one.path, {"spec": {"resources": None}})
    deployment.healed()


EDITED = int(os.environ.get("KOPFKIT_EDITS") or examples(ci=60, soak=10_000))
SEED = int(os.environ.get("KOPFKIT_EDITS_SEED") or (random.randrange(2**32) if SOAK else 5))
# Seconds after which an edit counts as not undone where faults are looked for; each is then put
# right by the test, and the search goes on. In every run there is time for a slow machine.
PATIENCE = 20 if SOAK else 120
# Seconds within which each edit has to be undone; none where a slow machine is no fault.
WITHIN = float(os.environ.get("KOPFKIT_EDITS_WITHIN") or (5 if SOAK else "inf"))


@pytest.fixture(scope="module")
def schemas(plane: Any) -> Schemas:
    return Schemas.of(plane.api, "api/v1", "apis/apps/v1", "apis/autoscaling/v2")


def test_generated_edits_of_every_kind_of_child_are_undone(
    children: dict[str, Child], schemas: Schemas
) -> None:
    choose = random.Random(SEED)
    accepted = 0
    took: list[float] = []
    faults: list[str] = []
    for number in range(1, EDITED + 1):
        child = children[choose.choice(sorted(children))]
        live = child.get()
        live["metadata"].pop("managedFields", None)
        live["metadata"].pop("resourceVersion", None)
        try:
            new = edit(choose, copy.deepcopy(live), schemas)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an edit of what an earlier edit took away
        manager = choose.choice(("kubectl-edit", "kubectl-client-side-apply", "argocd", "flux"))
        verb = choose.choice(tuple(EDITS.values()))
        try:
            child.write(manager, verb, new)
        except ApiError as error:
            if error.status not in REFUSALS:
                raise
            continue
        accepted += 1
        try:
            child.healed(PATIENCE)
            took.append(child.took[-1])
            assert took[-1] < WITHIN, f"undone after {took[-1]:.1f} s"
        except (AssertionError, ApiError) as error:
            if stuck(child.one):
                child.restore()
                continue
            degraded = child.one.condition("Degraded")
            faults.append(
                f"edit {number} of {child.path} by {verb} as {manager}: {differences(new, live)} "
                f"{differences(live, new)}: {error}: {degraded}"
            )
            print(faults[-1], flush=True)  # in a long run, when it happens
            child.restore()
    assert accepted > EDITED / 4
    times = f"{statistics.median(took):.2f} s in the middle, {max(took):.2f} s at most"
    print(f"seed {SEED}: {EDITED} edits, {accepted} accepted, undone in {times}")
    assert not faults, f"seed {SEED}, {len(faults)} faults: " + "\n".join(faults[:10])
    for child in children.values():
        eventually(
            lambda child=child: as_expected(child.one) or refused(child.one) or paused(child.one)
        )
