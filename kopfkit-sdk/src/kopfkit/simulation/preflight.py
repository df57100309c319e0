"""What OLM asks before it overwrites a CRD: may this one follow that one, and do the objects fit?

operator-lifecycle-manager, pkg/controller/operators/catalog (step.go, operator.go
`validateV1CRDCompatibility`) and pkg/lib/crd/storage.go:

- every entry of `status.storedVersions` is a version of the new CRD;
- every object, as LISTs give it through each version that both CRDs serve, passes the new schema of
  that version. An object that does not stops the upgrade; with strategy Webhook in the new CRD it
  is only a warning.

OLM does not ask rules in CEL. The API server does at the next write, so they are asked here too and
told apart. Nobody refuses a field that the new schema does not have: its value is dropped.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kopfkit.crd.structural import admit, schema_in
from kopfkit.simulation import writes
from kopfkit.simulation.losses import lost_of
from kopfkit.simulation.schemas import Validator

Object = dict[str, Any]


class By(Enum):
    """Who minds, and when."""

    OLM = "OLM, before it overwrites the CRD"
    API_SERVER = "the API server, at the next write"
    NOBODY = "nobody: the API server drops the value"
    UNKNOWN = "cannot be checked here"


@dataclass(frozen=True)
class Violation:
    """An object that does not fit the new schema.

    Attributes:
        version: through which it is read.
        key: "namespace/name", or the name alone.
        path: of the field.
        reason: a sentence.
        by: who minds.
    """

    version: str
    key: str
    path: str
    reason: str
    by: By = By.OLM

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.key} ({self.version}): {where}{self.reason}"


def versions(crd: Object) -> Mapping[str, Object]:
    """spec.versions by name."""
    return {each["name"]: each for each in crd["spec"]["versions"]}


def served(crd: Object) -> list[str]:
    """Names of the versions that a CRD serves."""
    return [name for name, each in versions(crd).items() if each.get("served")]


def stored(crd: Object) -> str:
    """Name of the version that a CRD stores."""
    return next(name for name, each in versions(crd).items() if each.get("storage"))


def served_by_both(old: Object, new: Object) -> list[str]:
    """The versions through which OLM reads the objects."""
    return [name for name in served(old) if name in served(new)]


def is_webhook(crd: Object) -> bool:
    """Whether a webhook converts, by the CRD's own word."""
    return bool((crd["spec"].get("conversion") or {}).get("strategy") == "Webhook")


def lost_versions(stored_versions: Iterable[str], new: Object) -> list[str]:
    """Entries of `status.storedVersions` that the new CRD does not have."""
    return [name for name in stored_versions if name not in versions(new)]


def preflight(old: Object, new: Object, objects: Mapping[str, Iterable[Object]]) -> list[Violation]:
    """The objects that do not fit.

    Args:
        old: the CRD as it is in the cluster.
        new: the bundle's.
        objects: by the version that they are written in, which both CRDs serve.
    """
    found: list[Violation] = []
    for version in served_by_both(old, new):
        before, schema = schema_in(old, version), schema_in(new, version)
        validator = Validator(schema)
        for obj in objects.get(version, ()):
            # A LIST shows an object pruned and with defaults, by the schema that is there now.
            seen = admit(obj, before)
            found += _of(version, validator, schema, seen)
            for path in lost_of(seen, before, schema):
                why = "the new schema does not have it, so the value vanishes"
                found.append(Violation(version, key_of(seen), path, why, By.NOBODY))
    return found


def _of(version: str, validator: Validator, schema: Object, seen: Object) -> Iterator[Violation]:
    key = key_of(seen)
    wrong, undecided = validator.judge(seen)
    if not wrong:
        # Rules are asked only of objects whose types are right.
        later, unclear = writes.refused(admit(seen, schema), schema)
        undecided += unclear
        for path, why in later:
            yield Violation(version, key, path, why, By.API_SERVER)
    for path, why in wrong:
        yield Violation(version, key, path, why)
    for why in undecided:
        yield Violation(version, key, "", f"cannot be checked offline: {why}", By.UNKNOWN)


def key_of(obj: Object) -> str:
    """ "namespace/name", or the name alone."""
    metadata = obj.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    names = (metadata.get("namespace"), metadata.get("name") or metadata.get("generateName"))
    return "/".join(str(each) for each in names if each) or "an object without a name"
