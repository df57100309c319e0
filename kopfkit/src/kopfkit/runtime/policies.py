"""The ValidatingAdmissionPolicy of a CRD that converts: what would lose data is refused.

Two things lose what is stored, and neither is an error for the API server: the end of a conversion
(`protection` says how that comes about), and a write through an old version that drops what only
a newer one has. The latter travels in one annotation of the old version's objects
(`kopfkit.conversion`); a PUT of an object written from nothing has none, and a stale or mended one
says something else than what is stored. So an update through an old version has to bring that
annotation back as it was read, or the word that gives it up.

Nobody who applies or patches notices. Exempt is what is about to be deleted: its finalizers are
taken away by whoever put them there, in whatever way.
"""

from dataclasses import dataclass
from typing import Any, Final

GROUP: Final = "admissionregistration.k8s.io"
_CRDS: Final = "apiextensions.k8s.io"
# The word of `kopfkit.conversion.annotation`, and the label's value of `.converter`; this package
# does not import that one.
_DISCARD: Final = "discard"
_INCOMPLETE: Final = "incomplete"

_TAKEN_AWAY: Final = (
    "has(oldObject.spec.conversion) && oldObject.spec.conversion.strategy == 'Webhook' && "
    "(!has(object.spec.conversion) || object.spec.conversion.strategy == 'None')"
)
_NEEDLESS: Final = (
    "object.spec.versions.filter(v, v.served).all(v, v.storage) && "
    "(!has(object.status) || !has(object.status.storedVersions) || "
    "object.status.storedVersions.all(s, object.spec.versions.exists(v, v.name == s && v.storage)))"
)
_OF_CRD: Final = f"request.resource.group == '{_CRDS}'"


@dataclass(frozen=True)
class Carried:
    """What a converter keeps in the objects of the versions that lack it.

    Attributes:
        group, plural: of the objects.
        hub: the version that has everything, such as v1.
        spokes: the other versions.
        annotation: its name, as in the Converter.
    """

    group: str
    plural: str
    hub: str
    spokes: tuple[str, ...]
    annotation: str


def policy_name(crd: str) -> str:
    """The name of the policy and of its binding for a CRD."""
    return f"conversion.{crd}"


def policy(crd: str, carried: Carried | None = None) -> dict[str, Any]:
    """The policy that keeps a CRD's conversion, and what the conversion carries."""
    rules = [
        {
            "apiGroups": [_CRDS],
            "apiVersions": ["v1"],
            "operations": ["UPDATE"],
            "resources": ["customresourcedefinitions"],
            "resourceNames": [crd],
            "scope": "Cluster",
        }
    ]
    validations = [
        {
            "expression": f"!({_OF_CRD}) || !({_TAKEN_AWAY}) || ({_NEEDLESS})",
            "message": f"the conversion of {crd} stays: without it, reads through a version"
            " that is not stored lose fields, and writes lose them for good. To take it "
            "away, first serve the stored version only, with nothing stored in another "
            "(status.storedVersions).",
            "reason": "Forbidden",
        }
    ]
    if carried is not None and carried.spokes:
        rules.append(
            {
                "apiGroups": [carried.group],
                "apiVersions": [*carried.spokes],
                "operations": ["UPDATE"],
                "resources": [carried.plural],
                "scope": "*",
            }
        )
        validations += _carrying(carried)
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": policy_name(crd)},
        "spec": {
            "failurePolicy": "Fail",
            # Exact: a write through the hub is not converted for this, and needs no webhook.
            "matchConstraints": {"matchPolicy": "Exact", "resourceRules": rules},
            "validations": validations,
        },
    }


def binding(crd: str) -> dict[str, Any]:
    """What puts the policy into force."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": policy_name(crd)},
        "spec": {"policyName": policy_name(crd), "validationActions": ["Deny"]},
    }


def _carrying(carried: Carried) -> list[dict[str, str]]:
    """The rules about updates through an old version."""
    name, hub = carried.annotation, carried.hub
    exempt = f"{_OF_CRD} || has(object.metadata.deletionTimestamp)"

    def text(of: str, where: str = "annotations") -> str:
        field = f"{of}.metadata.{where}"
        return f"(has({field}) && '{name}' in {field} ? {field}['{name}'] : '')"

    # `"v1":{"/` cannot stand inside a text of JSON, where its quotes would be escaped.
    parts = " || ".join(
        f"(request.resource.version != '{version}' && "
        f'{text("oldObject")}.contains(\'"{version}":{{"/\'))'
        for version in (hub, *carried.spokes)
    )
    kept = f"{text('object')} == {text('oldObject')} || {text('object')} == '{_DISCARD}'"
    return [
        {
            "expression": f"{exempt} || !({parts}) || {kept}",
            "message": f"this write would lose or change what only {hub} has of the object. It "
            f"travels in the annotation {name}: send that as you read it (apply and patch do if "
            f"they leave it out), or write through {hub}. To give up what only {hub} has, set the "
            f'annotation to "{_DISCARD}".',
            "reason": "Invalid",
        },
        {
            "expression": f"{exempt} || {text('oldObject', 'labels')} != '{_INCOMPLETE}'",
            "message": f"this object has more in {hub} than its annotations can carry here (all "
            f"together 256 KiB), and this write would lose it: write through {hub}, or shorten the "
            f"annotations there first.",
            "reason": "Invalid",
        },
    ]
