"""Edits of a child as people, GitOps tools and attackers make them, drawn from the child itself and
from the schema of its kind."""

import copy
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

from .fields import Schemas

# Fields that others may try on a pod or container, with a value that the schema allows.
POD_EXTRAS: dict[str, Any] = {
    "hostNetwork": True,
    "hostPID": True,
    "hostIPC": True,
    "shareProcessNamespace": True,
    "serviceAccountName": "other",
    "nodeName": "node-1",
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
    "terminationMessagePath": "/data/guestbook.db",
    "terminationMessagePolicy": "FallbackToLogsOnError",
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
    "internalTrafficPolicy": "Local",
    "externalName": "evil.example",
    "loadBalancerSourceRanges": ["10.0.0.0/8"],
    "externalIPs": ["192.0.2.1"],
}


def edit(random: random.Random, live: Any, schemas: Schemas) -> Any:
    """A copy of an object with one or two edits; it may be one that the API server refuses."""

    field = partial(_field, schemas)
    new = copy.deepcopy(live)
    for _ in range(random.choice((1, 1, 1, 2))):
        kind = str(new["kind"])
        choices = [_metadata, _scalar, _remove, field]
        if kind == "Deployment":
            choices += [_pod, _pod, _container, _container, _container, field]
        if kind == "Service":
            choices += [_service, _service, _service, field]
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


def _structs(schemas: Schemas, schema: Any, live: Any) -> Iterator[tuple[Any, Any]]:
    """Every struct in an object, with the fields that it may have."""
    fields = schemas.resolved(schema).get("properties")
    if not fields or not isinstance(live, dict):
        return
    yield live, fields
    for name, value in live.items():
        inner = schemas.resolved(fields.get(name, {}))
        for item in value if isinstance(value, list) else [value]:
            yield from _structs(schemas, inner.get("items", inner), item)


def _field(schemas: Schemas, random: random.Random, new: Any) -> None:
    """Any field that the schema has, with a value that it allows."""
    structs = list(_structs(schemas, schemas.spec(new), new["spec"]))
    if new["kind"] == "Deployment" and random.random() < 0.5:
        spec = new["spec"]["template"]["spec"]
        structs = [each for each in structs if each[0] in (spec, spec["containers"][0])]
    struct, fields = random.choice(structs)
    name = random.choice(sorted(fields))
    value = schemas.value(random, fields[name])
    if random.random() < 0.5:
        _add(struct, name, value)
    else:
        struct[name] = value


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
        (
            *("extra", "security", "sidecar", "native", "volume", "strategy", "apparmor"),
            *("copy", "finalizer", "mount"),
        )
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
    elif what == "copy":
        _copy(random, spec)
    elif what == "finalizer":
        new["spec"]["template"]["metadata"]["finalizers"] = ["other.example/keeps"]
    elif what == "mount" and spec.get("volumes"):
        mount = {"name": spec["volumes"][0]["name"], "mountPath": "/copied"}
        spec["containers"].append({"name": "backup", "image": "i:2", "volumeMounts": [mount]})
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


def _copy(random: random.Random, spec: Any) -> None:
    """Our container once more, or under another name; with its port or without."""
    original = spec["containers"][0]
    one = {**copy.deepcopy(original), "name": "renamed"}
    if random.random() < 0.7:
        del one["ports"]
    where = random.choice(("instead", "beside", "before", "port"))
    if where == "instead":
        spec["containers"][0] = one
    elif where == "beside":
        spec["containers"].insert(random.choice((0, 1)), one)
    else:
        if where == "port":
            one = {"name": "renamed", "image": "i:1", "ports": [{"containerPort": 8080}]}
        one["restartPolicy"] = "Always"
        for name in ("lifecycle", "readinessProbe"):
            one.pop(name, None)
        _add(spec, "initContainers", [one])


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
