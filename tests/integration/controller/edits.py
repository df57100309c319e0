"""Edits of a child as people, GitOps tools and attackers make them, drawn from the child itself."""

import copy
import random
from collections.abc import Iterator
from typing import Any

# Fields that others may try on a pod or container, with a value that the schema allows.
POD_EXTRAS: dict[str, Any] = {
    "hostNetwork": True,
    "hostPID": True,
    "hostIPC": True,
    "shareProcessNamespace": True,
    "serviceAccountName": "other",
    "initContainers": [{"name": "before", "image": "i:1", "command": ["sh"]}],
    "nodeSelector": {"disk": "ssd"},
    "priorityClassName": "system-node-critical",
    "dnsPolicy": "Default",
    "volumes": [{"name": "more", "emptyDir": {}}],
}
CONTAINER_EXTRAS: dict[str, Any] = {
    "command": ["sh", "-c", "sleep 1"],
    "envFrom": [{"secretRef": {"name": "s"}}],
    "workingDir": "/tmp",
    "livenessProbe": {"exec": {"command": ["false"]}},
    "startupProbe": {"tcpSocket": {"port": 1}},
    "lifecycle": {"postStart": {"exec": {"command": ["true"]}}},
    "volumeDevices": [{"name": "data", "devicePath": "/dev/x"}],
    "imagePullPolicy": "Always",
    "tty": True,
}
PRIVILEGES: dict[str, Any] = {
    "allowPrivilegeEscalation": True,
    "privileged": True,
    "runAsUser": 0,
    "runAsGroup": 0,
    "runAsNonRoot": False,
    "readOnlyRootFilesystem": False,
    "procMount": "Default",
    "capabilities": {"add": ["NET_ADMIN"]},
    "seccompProfile": {"type": "Unconfined"},
    "appArmorProfile": {"type": "Unconfined"},
    "seLinuxOptions": {"type": "spc_t"},
    "windowsOptions": {},
}
POD_PRIVILEGES: dict[str, Any] = {
    "runAsUser": 0,
    "runAsGroup": 0,
    "runAsNonRoot": False,
    "fsGroup": 0,
    "supplementalGroups": [0],
    "supplementalGroupsPolicy": "Strict",
    "sysctls": [{"name": "a.b", "value": "1"}],
    "seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"},
    "appArmorProfile": {"type": "Unconfined"},
    "seLinuxOptions": {},
}
MOUNT_EXTRAS: dict[str, Any] = {
    "readOnly": True,
    "subPath": "below",
    "subPathExpr": "$(POD_NAME)",
    "mountPropagation": "HostToContainer",
    "mountPath": "/elsewhere",
}
GET_EXTRAS: dict[str, Any] = {
    "host": "evil.example",
    "scheme": "HTTPS",
    "httpHeaders": [{"name": "A", "value": "b"}],
}
PROBES: dict[str, Any] = {
    "exec": {"command": ["true"]},
    "tcpSocket": {"port": 1},
    "grpc": {"port": 1},
    "httpGet": {"path": "/", "port": 1},
}
SERVICE_EXTRAS: dict[str, Any] = {
    "type": "NodePort",
    "externalTrafficPolicy": "Local",
    "sessionAffinity": "ClientIP",
    "publishNotReadyAddresses": True,
    "externalName": "evil.example",
    "loadBalancerSourceRanges": ["10.0.0.0/8"],
    "externalIPs": ["192.0.2.1"],
}


def edit(random: random.Random, live: Any) -> Any:
    """A copy of an object with one or two edits; it may be one that the API server refuses."""
    new = copy.deepcopy(live)
    for _ in range(random.choice((1, 1, 1, 2))):
        kind = str(new["kind"])
        choices = [_metadata, _scalar, _remove]
        if kind == "Deployment":
            choices += [_pod, _pod, _container, _container, _container]
        if kind == "Service":
            choices += [_service, _service, _service]
        if kind == "HorizontalPodAutoscaler":
            choices += [_autoscaler]
        random.choice(choices)(random, new)
    return new


def _metadata(random: random.Random, new: Any) -> None:
    metadata = new["metadata"]
    what = random.choice(("labels", "annotations"))
    if new["kind"] == "HorizontalPodAutoscaler":
        # Setting owners takes the right to delete, where the API server checks that.
        what = random.choice((what, "ownerReferences", "reference", "all"))
    if what == "labels":
        metadata["labels"][random.choice(list(metadata["labels"]))] = "edited"
    elif what == "annotations":
        metadata.setdefault("annotations", {})["test.jiaozi.com/desired-hash"] = "edited"
    elif what == "reference":
        metadata["ownerReferences"][0]["controller"] = False
    else:
        metadata.pop("ownerReferences", None)
        if what == "all":
            metadata.pop("labels", None)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in list(items):
        yield (*path, key)
        if isinstance(below, dict | list):
            yield from _places(below, (*path, key))


def _parent(new: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        new = new[step]
    return new


def _scalar(random: random.Random, new: Any) -> None:
    path = random.choice(list(_places(new["spec"])))
    parent = _parent(new["spec"], path)
    old = parent[path[-1]]
    if isinstance(old, bool):
        parent[path[-1]] = not old
    elif isinstance(old, int):
        parent[path[-1]] = old + random.choice((1, 1000))
    elif isinstance(old, str):
        parent[path[-1]] = random.choice(("edited", "9", "UDP", "Recreate", old + "x"))
    else:
        parent[path[-1]] = type(old)()


def _remove(random: random.Random, new: Any) -> None:
    path = random.choice(list(_places(new["spec"])))
    parent = _parent(new["spec"], path)
    del parent[path[-1]]


def _add(struct: Any, name: str, value: Any) -> None:
    """Set a field; in a list or struct that is there, what it does not have yet."""
    old = struct.get(name)
    if isinstance(old, dict) and isinstance(value, dict):
        struct[name] = {**old, **copy.deepcopy(value)}
    elif isinstance(old, list) and isinstance(value, list):
        struct[name] = [*old, *(copy.deepcopy(each) for each in value if each not in old)]
    else:
        struct[name] = copy.deepcopy(value)


def _pod(random: random.Random, new: Any) -> None:
    spec = new["spec"]["template"]["spec"]
    what = random.choice(
        ("extra", "security", "sidecar", "native", "volume", "strategy", "apparmor")
    )
    if what == "extra":
        name = random.choice(list(POD_EXTRAS))
        _add(spec, name, POD_EXTRAS[name])
    elif what == "security":
        name = random.choice(list(POD_PRIVILEGES))
        spec.setdefault("securityContext", {})[name] = copy.deepcopy(POD_PRIVILEGES[name])
    elif what == "sidecar":
        spec["containers"].append({"name": "sidecar", "image": "i:1"})
    elif what == "native":
        proxy = {"name": "proxy", "image": "i:1", "restartPolicy": "Always"}
        _add(spec, "initContainers", [proxy])
    elif what == "apparmor":
        name = "container.apparmor.security.beta.kubernetes.io/greeting"
        metadata = new["spec"]["template"]["metadata"]
        metadata.setdefault("annotations", {})[name] = "unconfined"
    elif what == "volume" and spec.get("volumes"):
        volume = random.choice(spec["volumes"])
        name = volume["name"]
        if random.random() < 0.5:
            if "persistentVolumeClaim" in volume:
                volume["persistentVolumeClaim"]["readOnly"] = True
            elif "emptyDir" in volume:
                volume["emptyDir"].update(random.choice(({"medium": "Memory"}, {"sizeLimit": 1})))
            return
        volume.clear()
        volume.update({"name": name, random.choice(("emptyDir", "hostPath")): {"path": "/"}})
        if "emptyDir" in volume:
            volume["emptyDir"] = {}
    elif what == "strategy":
        kind = random.choice(("Recreate", "RollingUpdate"))
        new["spec"]["strategy"] = {"type": kind}


def _container(random: random.Random, new: Any) -> None:
    container = new["spec"]["template"]["spec"]["containers"][0]
    what = random.choice(
        ("extra", "rename", "security", "security", "env", "union", "probe", "get", "port", "mount")
    )
    if what == "extra":
        name = random.choice(list(CONTAINER_EXTRAS))
        _add(container, name, CONTAINER_EXTRAS[name])
    elif what == "rename":
        container["name"] = "renamed"
    elif what == "security":
        name = random.choice(list(PRIVILEGES))
        _add(container.setdefault("securityContext", {}), name, PRIVILEGES[name])
        if random.random() < 0.5:
            container["securityContext"].pop("allowPrivilegeEscalation", None)
    elif what == "env":
        container["env"].append({"name": random.choice(("A", "PORT")), "value": "1"})
    elif what == "union":
        chosen = random.choice(container["env"])
        name = chosen["name"]
        source = random.choice(
            (
                {"value": "x"},
                {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                {"valueFrom": {"configMapKeyRef": {"name": "s", "key": "k"}}},
            )
        )
        chosen.clear()
        chosen.update({"name": name, **source})
    elif what == "probe":
        name = random.choice(list(PROBES))
        container["readinessProbe"] = {name: copy.deepcopy(PROBES[name])}
        if random.random() < 0.3:
            container["lifecycle"] = {"preStop": {"exec": {"command": ["true"]}}}
    elif what == "get":
        probe = container["readinessProbe"]
        handler = next(each for each in probe.values() if isinstance(each, dict))
        name = random.choice(list(GET_EXTRAS))
        handler[name] = copy.deepcopy(GET_EXTRAS[name])
    elif what == "port":
        change = random.choice(
            ({"containerPort": 9090}, {"protocol": "UDP"}, {"name": "web"}, {"hostPort": 8080})
        )
        if random.random() < 0.2:
            container["ports"].append({"containerPort": 9090})
        else:
            container["ports"][0].update(change)
    elif container.get("volumeMounts"):
        name = random.choice(list(MOUNT_EXTRAS))
        random.choice(container["volumeMounts"])[name] = MOUNT_EXTRAS[name]


def _service(random: random.Random, new: Any) -> None:
    spec = new["spec"]
    what = random.choice(("port", "port", "add", "unnamed", "extra", "selector", "external"))
    if what == "port":
        change = random.choice(
            ({"port": 8888}, {"protocol": "UDP"}, {"name": "web"}, {"targetPort": 9})
        )
        spec["ports"][0].update(change)
    elif what == "add":
        spec["ports"].append({"name": "metrics", "port": 9090, "protocol": "TCP"})
    elif what == "unnamed":
        spec["ports"][0].pop("name", None)
        spec["ports"][0]["port"] = 81
    elif what == "extra":
        name = random.choice(list(SERVICE_EXTRAS))
        spec[name] = copy.deepcopy(SERVICE_EXTRAS[name])
        if name in ("externalTrafficPolicy", "loadBalancerSourceRanges"):
            spec["type"] = "LoadBalancer"
    elif what == "selector":
        spec["selector"] = {"app": "other"}
    else:
        new["spec"] = {"type": "ExternalName", "externalName": "evil.example"}


def _autoscaler(random: random.Random, new: Any) -> None:
    memory = {"type": "Utilization", "averageUtilization": 3}
    new["spec"]["metrics"] = random.choice(
        (
            [{"type": "Resource", "resource": {"name": "memory", "target": memory}}],
            [*new["spec"].get("metrics", []), {"type": "Pods"}],
            [],
        )
    )
