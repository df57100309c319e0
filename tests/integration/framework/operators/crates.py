"""Crates: a controller for the ConfigMap, kopf's handlers for the rest, in one process."""

import asyncio
import os
from typing import Any

import kopf
from msgspec import Struct

from kopfkit.controller import Context, Controller, Object, Operator
from kopfkit.controller.kinds import CONFIG_MAPS
from kopfkit.crd import ConditionedStatus, CustomResource, Version
from kopfkit.runtime.api.resources import Resource
from kopfkit.runtime.api.rights import Use


class Spec(Struct, omit_defaults=True):
    """The crate that is wanted."""


V1 = Version("v1", Spec, ConditionedStatus, "A crate.", storage=True)
CRATE = CustomResource("tests.example.com", "Crate", "crates", [V1])
SAMPLES = [{"apiVersion": "tests.example.com/v1", "kind": "Crate", "metadata": {"name": "one"}}]
ME = os.environ.get("PROCESS", "")


async def reconcile(crate: Object[Spec, ConditionedStatus], ctx: Context) -> None:
    await ctx.apply({"apiVersion": "v1", "kind": "ConfigMap", "data": {"by": "reconcile"}})


@kopf.on.startup()
def startup(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.persistence.finalizer = "tests.example.com/kopf"


@kopf.on.create("crates")
def created(patch: kopf.Patch, **_: Any) -> dict[str, str]:
    patch.metadata.labels["created-by"] = ME
    return {"by": ME}


@kopf.on.delete("tests.example.com", "v1", "crates")
def deleted(name: str, logger: Any, **_: Any) -> None:
    logger.info("the handler deletes %s", name)


@kopf.timer("crates", interval=0.5)
def tick(patch: kopf.Patch, labels: kopf.Labels, **_: Any) -> None:
    if labels.get("ticked-by") != ME:
        patch.metadata.labels["ticked-by"] = ME


@kopf.daemon("crates", cancellation_timeout=1)
async def watch_over(name: str, logger: Any, stopped: kopf.DaemonStopped, **_: Any) -> None:
    logger.info("%s watches over %s", ME, name)
    while not stopped:
        await stopped.wait(60)


@kopf.on.event("v1", "configmaps", labels={"app.kubernetes.io/name": "crate"})
async def seen(name: str, logger: Any, **_: Any) -> None:
    logger.info("%s saw config map %s", ME, name)


async def count(manager: Any) -> None:
    """A task beside the controllers: tells whether the process leads."""
    claims = Resource("", "v1", "configmaps")
    while True:
        if manager.may_write():
            path = claims.path("default", "crates-leader")
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "crates-leader"}}
            body["data"] = {"leader": ME}
            await manager.client.request(
                "PATCH", path, body=body, content_type="application/apply-patch+yaml",
                params={"force": "true"},
            )  # fmt: skip
        await asyncio.sleep(0.2)


CRATES = Controller(CRATE, V1, reconcile=reconcile).owns(CONFIG_MAPS)
OPERATOR = Operator(
    "crates",
    "1.0.0",
    [CRATES],
    runnables={"count": count},
    uses=[Use(Resource("", "v1", "configmaps"), ("create", "patch"))],
)

if __name__ == "__main__":
    OPERATOR.main()
