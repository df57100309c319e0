"""Databases: a StatefulSet and its Service in the cluster, a host name in a registry outside of it.

REGISTRY is the URL of the registry: GET, PUT and DELETE of /<host name>, the value being JSON.
"""

import os
from datetime import timedelta
from typing import Annotated, Any

import aiohttp
from msgspec import Meta, Struct

from kopfkit.controller import Context, Controller, Object, Operator, Result, Terminal, rollout
from kopfkit.controller.kinds import SERVICES, STATEFUL_SETS
from kopfkit.crd import ConditionedStatus, CustomResource, Version


class Spec(Struct, rename="camel", omit_defaults=True):
    """The database that is wanted."""

    host_name: Annotated[str, Meta(max_length=63, description="The name clients connect to.")]
    replicas: Annotated[int, Meta(ge=0, le=9, description="How many pods serve it.")] = 1


class Status(ConditionedStatus, rename="camel", omit_defaults=True, kw_only=True):
    """What the operator has observed."""

    ready_replicas: Annotated[int, Meta(ge=0, description="Ready pods.")] | None = None
    host_name: Annotated[str, Meta(description="The name that is registered.")] | None = None


V1 = Version("v1", Spec, Status, "A database.", storage=True)
DATABASE = CustomResource("data.example.com", "Database", "databases", [V1])


def service(database: Object[Spec, Status]) -> dict[str, Any]:
    """The headless Service that names the pods."""
    selector = {"app.kubernetes.io/name": "database", "app.kubernetes.io/instance": database.name}
    ports = [{"name": "sql", "port": 5432}]
    spec = {"clusterIP": "None", "selector": selector, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "spec": spec}


def stateful_set(database: Object[Spec, Status]) -> dict[str, Any]:
    """The pods."""
    container = {
        "name": "postgres",
        "image": "docker.io/library/postgres:17",
        "ports": [{"name": "sql", "containerPort": 5432}],
    }
    spec = {
        "replicas": database.spec.replicas,
        "serviceName": database.name,
        "template": {"spec": {"containers": [container]}},
    }
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": spec}


async def register(name: str, record: dict[str, str]) -> None:
    """Have a name in the registry lead to a database."""
    async with aiohttp.ClientSession(os.environ["REGISTRY"], raise_for_status=True) as registry:
        async with registry.get(f"/{name}") as answer:
            found = await answer.json()
        if found and found["owner"] != record["owner"]:
            text = f"the host name {name} belongs to {found['target']}; hint: choose another one"
            raise Terminal("HostNameTaken", text, requeue_after=timedelta(minutes=1))
        if found != record:
            await registry.put(f"/{name}", json=record)


async def unregister(name: str, owner: str) -> None:
    """Remove a name of a database from the registry; somebody else's stays."""
    async with aiohttp.ClientSession(os.environ["REGISTRY"], raise_for_status=True) as registry:
        await registry.delete(f"/{name}", params={"owner": owner})


async def reconcile(database: Object[Spec, Status], ctx: Context) -> Result:
    """Bring one database to its desired state."""
    spec, status, uid = database.spec, database.status, database.metadata.uid
    await ctx.apply(service(database))
    state = rollout(await ctx.apply(stateful_set(database)))
    status.ready_replicas = state.ready
    ctx.condition("Available", state.available > 0, state.reason, state.message)
    ctx.condition("Progressing", not state.complete, state.reason, state.message)
    if status.host_name and status.host_name != spec.host_name:
        await unregister(status.host_name, uid)
        status.host_name = None
    target = f"{database.name}.{database.namespace}"
    await register(spec.host_name, {"owner": uid, "target": target})
    if status.host_name != spec.host_name:
        status.host_name = spec.host_name
        ctx.event("Registered", f"{spec.host_name} leads to {target}")
    return Result(requeue_after=timedelta(minutes=5))  # the registry sends no events


async def finalize(database: Object[Spec, Status], ctx: Context) -> None:
    """Remove what the garbage collector does not know of."""
    for name in {database.spec.host_name, database.status.host_name} - {None}:
        await unregister(str(name), database.metadata.uid)


DATABASES = Controller(DATABASE, V1, reconcile=reconcile, finalize=finalize)
OPERATOR = Operator("database-operator", "0.1.0", [DATABASES.owns(STATEFUL_SETS).owns(SERVICES)])
