"""What an OpenAPI schema of Kubernetes knows and a Python type does not.

Limits, lengths and patterns have their place in `msgspec.Meta`. The rest (CEL rules, list types,
formats) travels in `Meta(extra=hints(...))`, which msgspec carries along and does not interpret.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# The key under which hints travel in `Meta.extra`, beside whatever else an author puts there.
KEY = "kopfkit.crd"
# The class attribute of a Struct that holds the rules over the whole object.
RULES_ATTRIBUTE = "kubernetes_rules"


@dataclass(frozen=True)
class Rule:
    """One CEL rule: `x-kubernetes-validations` of the schema it is attached to.

    Args:
        rule: the CEL expression; `self` is the value, `oldSelf` makes it a transition rule.
        message: the sentence the API server answers with; names the field and the limit.
        message_expression: CEL that computes the message; `message` stays as the fallback.
        reason: the API's machine-readable reason, "" for the default (FieldValueInvalid).
        field_path: path of the field to blame, relative to the schema (".replicas").
    """

    rule: str
    message: str
    message_expression: str = ""
    reason: str = ""
    field_path: str = ""

    def to_schema(self) -> dict[str, str]:
        """The rule as the API spells it, without empty members."""
        members = {
            "rule": self.rule,
            "message": self.message,
            "messageExpression": self.message_expression,
            "reason": self.reason,
            "fieldPath": self.field_path,
        }
        return {key: value for key, value in members.items() if value}


@dataclass(frozen=True)
class Hints:
    """The parts of a schema that only Kubernetes has; see `hints`."""

    format: str = ""
    rules: tuple[Rule, ...] = ()
    list_type: str = ""
    list_map_keys: tuple[str, ...] = ()
    int_or_string: bool = False
    preserve_unknown_fields: bool = False


def hints(
    *,
    format: str = "",
    rules: Sequence[Rule] = (),
    list_type: str = "",
    list_map_keys: Sequence[str] = (),
    int_or_string: bool = False,
    preserve_unknown_fields: bool = False,
) -> dict[str, Any]:
    """`Meta(extra=hints(...))`: what Kubernetes knows about a field beyond its Python type.

    Args:
        format: OpenAPI format, e.g. "int32", "date-time".
        rules: CEL rules over the field's value.
        list_type: "atomic", "set" or "map": how server-side apply merges the list.
        list_map_keys: the members that identify an item of a list_type "map".
        int_or_string: the field is an integer or a string, as ports and quantities are.
        preserve_unknown_fields: of a Struct: fields that it does not have are kept. dict[str, Any],
            any JSON object, needs no hint.
    """
    return {
        KEY: Hints(
            format=format,
            rules=tuple(rules),
            list_type=list_type,
            list_map_keys=tuple(list_map_keys),
            int_or_string=int_or_string,
            preserve_unknown_fields=preserve_unknown_fields,
        )
    }
