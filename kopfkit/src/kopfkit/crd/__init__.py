"""CustomResourceDefinitions from Python types.

The types are the source: msgspec Structs whose fields carry their limits and descriptions
(`Annotated[int, Meta(ge=0, description="...")]`). `custom_resource_definition` turns them into what
a cluster is given, and refuses beforehand what the API server would refuse later.
"""

from kopfkit.crd.definition import custom_resource_definition
from kopfkit.crd.errors import CrdError
from kopfkit.crd.hints import Rule, hints
from kopfkit.crd.resource import Column, CustomResource, Scale, Version
from kopfkit.crd.schema import schema_of
from kopfkit.crd.types import (
    QUANTITY_LENGTH,
    QUANTITY_RULE,
    Condition,
    ConditionedStatus,
    Quantity,
    Resources,
    Time,
)

__all__ = [
    "QUANTITY_LENGTH",
    "QUANTITY_RULE",
    "Column",
    "Condition",
    "ConditionedStatus",
    "CrdError",
    "CustomResource",
    "Quantity",
    "Resources",
    "Rule",
    "Scale",
    "Time",
    "Version",
    "custom_resource_definition",
    "hints",
    "schema_of",
]
