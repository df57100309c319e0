"""What a validation finds wrong with an object, field by field."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from kopfkit.admission.review import Cause


@dataclass(frozen=True)
class FieldError:
    """Why an object is refused.

    Args:
        path: of the field, as in "spec.image" or "spec.ports[0].name".
        message: a sentence that says what would be right.
        reason: for programs (k8s.io/apimachinery, pkg/apis/meta/v1, CauseType).
    """

    path: str
    message: str
    reason: str = "FieldValueInvalid"


@dataclass(frozen=True)
class FieldWarning:
    """What is told to whoever writes the object, which is stored all the same."""

    path: str
    message: str


FieldFinding: TypeAlias = FieldError | FieldWarning


def told(each: FieldFinding) -> str:
    """The warning that tells of it."""
    return f"{each.path}: {each.message}" if each.path else each.message


def causes(errors: Iterable[FieldError]) -> tuple[Cause, ...]:
    """The causes of a refusal."""
    return tuple(Cause(each.path, each.message, each.reason) for each in errors)


def value_at(raw: Any, path: str) -> Any:
    """The value at a path like "spec.ports[0].name"; None where there is none."""
    for step in path.replace("[", ".[").split("."):
        if step.startswith("[") and step.endswith("]"):
            key = step[1:-1].strip("'\"")
            if isinstance(raw, list):
                raw = raw[int(key)] if key.isdecimal() and int(key) < len(raw) else None
                continue
        else:
            key = step
        raw = raw.get(key) if isinstance(raw, dict) else None
    return raw
