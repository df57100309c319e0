"""Base classes for APIs whose types are Pydantic v2 models (`pip install "kopfkit[pydantic]"`).

    class Spec(Model):
        \"\"\"A memcached.\"\"\"

        size: int = Field(1, ge=0, le=9, description="How many pods serve it.")

What Pydantic has no word for travels as with Structs: `Annotated[list[Port], Meta(extra=hints(
list_type="map", list_map_keys=["port"]))]`, and `kubernetes_rules: ClassVar` for rules over the
whole object.
"""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from kopfkit.crd import types

__all__ = ["ConditionedStatus", "Model"]


class Model(BaseModel):
    """A model whose fields have camelCase names in JSON, as Kubernetes' own."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ConditionedStatus(Model):
    """The fields of a status that every controller writes; a status of an API is a subclass."""

    kopfkit_struct: ClassVar = types.ConditionedStatus

    observed_generation: int | None = None
    conditions: list[dict[str, Any]] | None = None
