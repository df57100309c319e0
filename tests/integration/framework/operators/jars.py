"""Jars: kopf's handlers alone, and what they make by `memo.apply`."""

from typing import Annotated, Any

import kopf
from msgspec import Meta, Struct

from kopfkit.controller import Controller, Operator
from kopfkit.controller.kinds import CONFIG_MAPS
from kopfkit.crd import CustomResource, Version


class Spec(Struct, omit_defaults=True):
    """The jar that is wanted."""

    content: Annotated[str, Meta(description="What is in it.")] = "jam"


class Status(Struct, omit_defaults=True):
    """The jar that is there."""

    content: Annotated[str, Meta(description="What is in it.")] | None = None


V1 = Version("v1", Spec, Status, "A jar.", storage=True)
JAR = CustomResource("tests.example.com", "Jar", "jars", [V1])
SAMPLES = [{"apiVersion": "tests.example.com/v1", "kind": "Jar", "metadata": {"name": "one"}}]


@kopf.on.create("tests.example.com", "v1", "jars")
@kopf.on.update("tests.example.com", "v1", "jars", field="spec")
@kopf.on.resume("tests.example.com", "v1", "jars")
async def fill(body: Any, spec: Any, memo: kopf.Memo, patch: kopf.Patch, **_: Any) -> None:
    data = {"content": spec["content"]}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
    await memo.apply(config_map, owner=body)
    patch.status["content"] = spec["content"]


@kopf.on.validate("tests.example.com", "v1", "jars")
async def check(spec: Any, **_: Any) -> None:
    if spec.get("content") == "nails":
        raise kopf.AdmissionError("a jar holds no nails", code=422)


OPERATOR = Operator("jars", "1.0.0", [Controller(JAR, V1).owns(CONFIG_MAPS)])

if __name__ == "__main__":
    OPERATOR.main()
