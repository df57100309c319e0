"""HelloWorld between v1alpha1 and v1: which field is where.

v1 is the hub. v1alpha1's `size` is v1's `replicas`, its `message` is `greeting.message`. What only
v1 has (`greeting.language`, `resources`, `persistence`, ...) has no place in v1alpha1: these
functions leave it out, and the Converter keeps it in the annotation. Fields that neither version
knows are passed on: a pod that is older than the object must not lose what a newer one wrote.
"""

from typing import Any, Final

from helloworld_operator.api import GROUP, KIND, v1, v1alpha1
from kopfkit.conversion import Converter, Spoke, known_fields

ANNOTATION: Final = "test.jiaozi.com/conversion-data"

# Fields of v1's spec that v1alpha1 has under another name, or not at all.
_NOT_IN_V1ALPHA1: Final = frozenset(
    {
        "replicas",
        "greeting",
        "resources",
        "service",
        "autoscaling",
        "persistence",
        "snapshots",
        "restoreFrom",
    }
)
_NOT_IN_V1: Final = frozenset({"size", "message"})


def to_v1(content: dict[str, Any]) -> dict[str, Any]:
    """v1alpha1 content as v1. Pure; any JSON goes through."""
    spec = content.get("spec")
    if not isinstance(spec, dict):
        return content
    new = {key: value for key, value in spec.items() if key not in _NOT_IN_V1}
    if "size" in spec:
        new["replicas"] = spec["size"]
    if "message" in spec:
        greeting = new.get("greeting")
        new["greeting"] = {
            **(greeting if isinstance(greeting, dict) else {}),
            "message": spec["message"],
        }
    return {**content, "spec": new}


def from_v1(content: dict[str, Any]) -> dict[str, Any]:
    """v1 content as v1alpha1. Pure; any JSON goes through."""
    spec = content.get("spec")
    if not isinstance(spec, dict):
        return content
    new = {key: value for key, value in spec.items() if key not in _NOT_IN_V1ALPHA1}
    if "replicas" in spec:
        new["size"] = spec["replicas"]
    greeting = spec.get("greeting")
    if isinstance(greeting, dict) and "message" in greeting:
        new["message"] = greeting["message"]
    return {**content, "spec": new}


def converter(group: str = GROUP) -> Converter:
    """The converter of HelloWorld in a group; another than ours serves tests beside a real CRD."""
    return Converter(
        group=group,
        kind=KIND,
        hub="v1",
        hub_fields=known_fields(spec=v1.Spec, status=v1.Status),
        spokes=[
            Spoke(
                "v1alpha1",
                to_hub=to_v1,
                from_hub=from_v1,
                fields=known_fields(spec=v1alpha1.Spec, status=v1alpha1.Status),
            )
        ],
        annotation=ANNOTATION,
        shown={"v1": "replicas", "v1alpha1": "size"},
    )


CONVERTER: Final = converter()
