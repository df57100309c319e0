"""What of a Deployment is the operator's alone: docs/reference/repair.md, row by row."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from helloworld_operator.api import v1
from helloworld_operator.controller import desired
from helloworld_operator.controller.desired import Desired
from helloworld_operator.controller.helloworlds import controller
from helloworld_operator.controller.images import CONTAINER
from kopfkit.controller import exclusive_pods, exclusive_services, kinds
from kopfkit.runtime.api.contradictions import contradictions, written

DEPLOYMENTS = exclusive_pods(CONTAINER)
POD = "spec.template.spec"
OURS = f"{POD}.containers[greeting]"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/greeting"
EXEC = {"exec": {"command": ["true"]}}


def wanted(*, image: str | None = None, persistent: bool = True) -> dict[str, Any]:
    spec = v1.Spec(image=image, persistence=v1.Persistence() if persistent else None)
    return desired.deployment(Desired("x", spec, image or "i:1", own_image=image is None))


def found(change: Callable[[Any], None], **more: Any) -> list[str]:
    one = wanted(**more)
    live = copy.deepcopy(one)
    spec = live["spec"]["template"]["spec"]
    # What the API server sets where nothing is given.
    spec.update(restartPolicy="Always", dnsPolicy="ClusterFirst", schedulerName="default-scheduler")
    container = spec["containers"][0]
    container.update(imagePullPolicy="IfNotPresent", terminationMessagePath="/dev/termination-log")
    container["readinessProbe"].update(timeoutSeconds=1, successThreshold=1)
    if "httpGet" in container["readinessProbe"]:
        container["readinessProbe"]["httpGet"]["scheme"] = "HTTP"
    assert contradictions(one, live, DEPLOYMENTS) == []
    change(live)
    return [written(each.path) for each in contradictions(one, live, DEPLOYMENTS)]


def in_pod(**fields: Any) -> Callable[[Any], None]:
    return lambda live: live["spec"]["template"]["spec"].update(fields)


def inside(*path: Any, **fields: Any) -> Callable[[Any], None]:
    """Fields set in a struct of the container `greeting`."""

    def change(live: Any) -> None:
        struct = live["spec"]["template"]["spec"]["containers"][0]
        for step in path:
            struct = struct[step]
        struct.update(fields)

    return change


def added(*path: Any, item: Any) -> Callable[[Any], None]:
    def change(live: Any) -> None:
        struct = live["spec"]["template"]["spec"]
        for step in path[:-1]:
            struct = struct[step]
        struct.setdefault(path[-1], []).append(item)

    return change


def copied(**fields: Any) -> Any:
    """Our container under another name, and without its port."""
    one = copy.deepcopy(wanted()["spec"]["template"]["spec"]["containers"][0])
    del one["ports"]
    return {**one, "name": "renamed", **fields}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("privileged", True),
        ("privileged", False),
        # 0 is root; in Python it equals False.
        ("runAsUser", 0),
        ("runAsGroup", 0),
        # Not nothing: it takes back what the pod says.
        ("runAsNonRoot", False),
        ("procMount", "Unmasked"),
        ("seccompProfile", {"type": "Unconfined"}),
        ("appArmorProfile", {"type": "Unconfined"}),
        ("seLinuxOptions", {"type": "spc_t"}),
        ("seLinuxOptions", {}),
        ("windowsOptions", {"hostProcess": True}),
    ],
)
def test_nobody_adds_to_the_security_context_of_our_container(name: str, value: Any) -> None:
    change = inside("securityContext", **{name: value})
    assert found(change) == [f"{OURS}.securityContext.{name}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("supplementalGroups", [0]),
        ("supplementalGroupsPolicy", "Strict"),
        ("fsGroup", 0),
        ("fsGroupChangePolicy", "Always"),
        ("sysctls", [{"name": "a.b", "value": "1"}]),
        ("appArmorProfile", {"type": "Unconfined"}),
        ("seLinuxOptions", {"type": "spc_t"}),
        ("windowsOptions", {"hostProcess": True}),
    ],
)
def test_nobody_adds_to_the_security_context_of_the_pod(name: str, value: Any) -> None:
    def change(live: Any) -> None:
        live["spec"]["template"]["spec"]["securityContext"][name] = value

    assert found(change, persistent=False) == [f"{POD}.securityContext.{name}"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            inside("securityContext", "capabilities", add=["NET_ADMIN"]),
            f"{OURS}.securityContext.capabilities.add",
        ),
        (inside(command=["sh"]), f"{OURS}.command"),
        (inside(workingDir="/tmp"), f"{OURS}.workingDir"),
        (inside(terminationMessagePath="/data/guestbook.db"), f"{OURS}.terminationMessagePath"),
        (inside(restartPolicy="Never"), f"{OURS}.restartPolicy"),
        (inside(restartPolicyRules=[{"action": "Restart"}]), f"{OURS}.restartPolicyRules"),
        (inside(envFrom=[{"secretRef": {"name": "s"}}]), f"{OURS}.envFrom"),
        (inside(livenessProbe=EXEC), f"{OURS}.livenessProbe"),
        (inside(startupProbe=EXEC), f"{OURS}.startupProbe"),
        (inside(volumeDevices=[{"name": "d", "devicePath": "/d"}]), f"{OURS}.volumeDevices"),
        (inside("lifecycle", postStart=EXEC), f"{OURS}.lifecycle.postStart"),
        (inside("lifecycle", stopSignal="SIGKILL"), f"{OURS}.lifecycle.stopSignal"),
        (inside("lifecycle", "preStop", **EXEC), f"{OURS}.lifecycle.preStop.exec"),
        (inside("ports", 0, hostPort=80), f"{OURS}.ports[8080,TCP].hostPort"),
        (
            added("containers", 0, "ports", item={"containerPort": 1, "protocol": "TCP"}),
            f"{OURS}.ports[1,TCP]",
        ),
        (
            added("containers", 0, "env", item={"name": "LD_PRELOAD", "value": "/x"}),
            f"{OURS}.env[LD_PRELOAD]",
        ),
        (
            added("containers", 0, "volumeMounts", item={"name": "c", "mountPath": "/c"}),
            f"{OURS}.volumeMounts[/c]",
        ),
        (inside("volumeMounts", 1, readOnly=True), f"{OURS}.volumeMounts[/tmp].readOnly"),
        (inside("volumeMounts", 1, subPath="a"), f"{OURS}.volumeMounts[/tmp].subPath"),
        (
            inside("volumeMounts", 1, mountPropagation="HostToContainer"),
            f"{OURS}.volumeMounts[/tmp].mountPropagation",
        ),
        (
            inside("readinessProbe", "httpGet", host="evil.example"),
            f"{OURS}.readinessProbe.httpGet.host",
        ),
        (
            inside("readinessProbe", "httpGet", scheme="HTTPS"),
            f"{OURS}.readinessProbe.httpGet.scheme",
        ),
        (
            inside("readinessProbe", "httpGet", httpHeaders=[{"name": "A", "value": "b"}]),
            f"{OURS}.readinessProbe.httpGet.httpHeaders",
        ),
        (in_pod(hostNetwork=True), f"{POD}.hostNetwork"),
        (in_pod(hostPID=True), f"{POD}.hostPID"),
        (in_pod(hostIPC=True), f"{POD}.hostIPC"),
        (in_pod(shareProcessNamespace=True), f"{POD}.shareProcessNamespace"),
        (in_pod(serviceAccountName="other"), f"{POD}.serviceAccountName"),
        (in_pod(nodeName="node-1"), f"{POD}.nodeName"),
        # Copies of our container under another name, beside it.
        (added("containers", item=copied()), f"{POD}.containers[renamed]"),
        (
            added("initContainers", item=copied(restartPolicy="Always")),
            f"{POD}.initContainers[renamed]",
        ),
        (
            in_pod(
                initContainers=[
                    {
                        "name": "proxy",
                        "image": "i:1",
                        "restartPolicy": "Always",
                        "ports": [{"containerPort": 8080}],
                    }
                ]
            ),
            f"{POD}.initContainers[proxy]",
        ),
        (in_pod(initContainers=[{"name": "before"}]), f"{POD}.initContainers[before]"),
        (
            lambda live: live["spec"]["template"]["spec"]["volumes"][0][
                "persistentVolumeClaim"
            ].update(readOnly=True),
            f"{POD}.volumes[data].persistentVolumeClaim.readOnly",
        ),
        (
            lambda live: live["spec"]["template"]["spec"]["volumes"][1]["emptyDir"].update(
                sizeLimit="1"
            ),
            f"{POD}.volumes[tmp].emptyDir.sizeLimit",
        ),
        (
            lambda live: live["spec"]["template"]["metadata"].update(
                annotations={APPARMOR: "unconfined"}
            ),
            f"spec.template.metadata.annotations.{APPARMOR}",
        ),
        (
            lambda live: live["spec"]["template"]["metadata"].update(finalizers=["a.example/b"]),
            "spec.template.metadata.finalizers",
        ),
    ],
)
def test_what_runs_and_with_which_rights_is_the_operators(
    change: Callable[[Any], None], expected: str
) -> None:
    assert found(change) == [expected]


def test_the_host_that_a_named_image_is_asked_at_is_the_operators() -> None:
    change = inside("readinessProbe", "tcpSocket", host="evil.example")
    assert found(change, image="mine:1") == [f"{OURS}.readinessProbe.tcpSocket.host"]
    assert found(inside(args=["-x"]), image="mine:1") == [f"{OURS}.args"]


def sidecar(name: str, image: str, *ports: int, **fields: Any) -> dict[str, Any]:
    one = {"name": name, "image": image, **fields}
    return {**one, "ports": [{"containerPort": port, "protocol": "TCP"} for port in ports]}


# As injectors make them, where somebody stored their output in the Deployment.
SIDECARS = [
    ("containers", sidecar("istio-proxy", "istio/proxyv2:1.27", 15090, args=["proxy", "sidecar"])),
    ("initContainers", sidecar("istio-proxy", "istio/proxyv2:1.27", 15090, restartPolicy="Always")),
    ("containers", sidecar("linkerd-proxy", "linkerd/proxy:2", 4143, 4191)),
    ("initContainers", sidecar("linkerd-proxy", "linkerd/proxy:2", 4143, restartPolicy="Always")),
    ("containers", sidecar("vault-agent", "hashicorp/vault:1.20", args=["echo $VAULT"])),
    ("containers", sidecar("otel-collector", "otel/opentelemetry-collector:0.130.0", 4317, 8888)),
    ("containers", sidecar("daprd", "daprio/daprd:1.16", 3500, 9090)),
    # Of our image, and for something else.
    ("containers", sidecar("copier", "i:1", args=["snapshot"])),
]


@pytest.mark.parametrize(
    "change",
    [
        added("containers", item={"name": "proxy", "securityContext": {"privileged": True}}),
        *(added(where, item=item) for where, item in SIDECARS),
        # Whoever may write a Deployment may also mount the claim in a pod of his own.
        added(
            "containers",
            item={"name": "backup", "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        ),
        in_pod(hostname="h", subdomain="s", setHostnameAsFQDN=True, hostnameOverride="o"),
        in_pod(schedulingGates=[{"name": "g"}], os={"name": "linux"}, overhead={"cpu": "1"}),
        in_pod(priority=1, preemptionPolicy="Never", resourceClaims=[{"name": "gpu"}]),
        in_pod(resources={"limits": {"memory": "1Gi"}}),
        inside(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]),
        in_pod(initContainers=[{"name": "proxy", "restartPolicy": "Always", "env": [{}]}]),
        added("volumes", item={"name": "certs", "emptyDir": {"medium": "Memory"}}),
        in_pod(nodeSelector={"disk": "ssd"}, tolerations=[{"operator": "Exists"}]),
        in_pod(affinity={"nodeAffinity": {}}, topologySpreadConstraints=[{"topologyKey": "z"}]),
        in_pod(priorityClassName="high", runtimeClassName="gvisor", hostUsers=False),
        in_pod(imagePullSecrets=[{"name": "s"}], hostAliases=[{"ip": "1.1.1.1"}]),
        in_pod(dnsPolicy="Default", dnsConfig={}, schedulerName="other"),
        in_pod(readinessGates=[{"conditionType": "g"}]),
        in_pod(hostNetwork=False, shareProcessNamespace=False),
        inside("readinessProbe", initialDelaySeconds=9, timeoutSeconds=5, successThreshold=2),
        inside(imagePullPolicy="Always", terminationMessagePolicy="FallbackToLogsOnError"),
        inside(tty=True, stdin=True),
        inside("resources", claims=[{"name": "gpu"}]),
        lambda live: live["spec"]["template"]["metadata"].update(annotations={"restartedAt": "1"}),
        lambda live: live["spec"].update(minReadySeconds=5, revisionHistoryLimit=2),
    ],
)
def test_what_others_may_add_stays(change: Callable[[Any], None]) -> None:
    assert found(change) == []


ANSWERS = exclusive_services()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"internalTrafficPolicy": "Local"}, ["spec.internalTrafficPolicy"]),
        ({"internalTrafficPolicy": "Cluster"}, []),
        ({"publishNotReadyAddresses": True}, ["spec.publishNotReadyAddresses"]),
        ({"publishNotReadyAddresses": False}, []),
        ({"externalIPs": ["192.0.2.1"]}, ["spec.externalIPs"]),
        ({"externalTrafficPolicy": "Local"}, ["spec.externalTrafficPolicy"]),
        ({"sessionAffinity": "ClientIP"}, []),
        ({"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 1}}}, []),
        ({"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4", "IPv6"]}, []),
        ({"trafficDistribution": "PreferSameNode"}, []),
        ({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}, []),
    ],
)
def test_which_addresses_lead_to_a_service_and_which_pods_answer_is_the_operators(
    fields: dict[str, Any], expected: list[str]
) -> None:
    one = desired.service(Desired("x", v1.Spec(), "i:1"))
    live = {**one, "spec": {**one["spec"], **fields}}
    assert [written(each.path) for each in contradictions(one, live, ANSWERS)] == expected


def test_what_a_load_balancer_is_made_of_is_left_to_others() -> None:
    spec = v1.Spec(service=v1.Service(type="LoadBalancer"))
    one = desired.service(Desired("x", spec, "i:1"))
    fields = {"externalTrafficPolicy": "Local", "loadBalancerClass": "c", "loadBalancerIP": "1"}
    live = {**one, "spec": {**one["spec"], **fields, "loadBalancerSourceRanges": ["10.0.0.0/8"]}}
    assert contradictions(one, live, ANSWERS) == []


def test_the_children_of_a_helloworld_have_these_rules() -> None:
    owned = controller("i:1").owned
    assert owned[kinds.DEPLOYMENTS].schema.keys() == DEPLOYMENTS.keys()
    assert owned[kinds.SERVICES].schema["spec"].reserved == ANSWERS["spec"].reserved
