"""The ValidatingAdmissionPolicy of a CRD that converts: what would lose data is refused.

Three things lose what is stored, and none is an error for the API server:

- The end of a conversion, and then a read or write through a version that is not stored. Nobody may
  end it, but OLM when the operator goes (`protection` says how that comes about).
- While nothing converts, any write through a version that is not stored. The policy's parameter is
  the CRD itself, which says whether something converts.
- A write through an old version that drops what only a newer one has. That travels in one
  annotation of the old version's objects (`kopfkit.conversion`); a PUT of an object written from
  nothing has none, and a stale or mended one says something else than what is stored. So an update
  through an old version has to bring that annotation back as it was read, or the word that gives it
  up.

Nobody who applies or patches notices. Exempt is what is about to be deleted: its finalizers are
taken away by whoever put them there, in whatever way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
# All objects are stored in one version; then, that no other one is served.
_ONE_STORED: Final = (
    "(!has(object.status) || !has(object.status.storedVersions) || "
    "object.status.storedVersions.all(s, object.spec.versions.exists(v, v.name == s && v.storage)))"
)
_ONE_SERVED: Final = "object.spec.versions.filter(v, v.served).all(v, v.storage)"
# The account of OLM, in whatever namespace that is installed (its chart, and OpenShift's).
_BY_OLM: Final = "request.userInfo.username.endsWith(':olm-operator-serviceaccount')"
# Of a write of an object: whether it needs no conversion, or one is there. The parameter is null
# for a moment while the policy is there and its binding is of an older release.
_CONVERTED: Final = (
    "params == null || "
    "(has(params.spec.conversion) && params.spec.conversion.strategy == 'Webhook') || "
    "(params.spec.versions.exists(v, v.storage && v.name == request.resource.version) && "
    "params.status.storedVersions.all(s, s == request.resource.version))"
)
# Who deletes what an owner leaves, by the account of its own and by that of the whole manager.
_COLLECTORS: Final = (
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
)
_COLLECTED: Final = (
    f"request.operation == 'DELETE' && request.userInfo.username in {[*_COLLECTORS]!r}"
)
_OF_CRD: Final = f"request.resource.group == '{_CRDS}'"
_EXEMPT: Final = f"{_OF_CRD} || has(object.metadata.deletionTimestamp)"
_SCALE: Final = "(has(request.subResource) && request.subResource == 'scale')"


@dataclass(frozen=True)
class Carried:
    """What a converter keeps in the objects of the versions that lack it.

    Attributes:
        group, plural: of the objects.
        hub: the version that has everything, such as v1.
        spokes: the other versions.
        annotation: its name, as in the Converter.
        shown: by version, a field of the spec that every object has in it: it has a default, and
            the converter always sets it. An object that lacks it was not converted.
    """

    group: str
    plural: str
    hub: str
    spokes: tuple[str, ...]
    annotation: str
    shown: Mapping[str, str] = field(default_factory=dict)


def policy_name(crd: str) -> str:
    """The name of the policy and of its binding for a CRD."""
    return f"conversion.{crd}"


def policy(
    crd: str,
    carried: Carried | None = None,
    others: Iterable[str] = (),
    siblings: Iterable[str] = (),
) -> dict[str, Any]:
    """The policy that keeps a CRD's conversion, and what the conversion carries.

    It also keeps CRDs, and with them all objects, when their owner is deleted: OLM v1 makes a
    ClusterExtension the owner of the bundle's CRDs (operator-controller v1.11.0,
    internal/operator-controller/applier, OwnerReferences of what it applies).

    Args:
        crd: its name.
        carried: what the conversion carries; None where that is not looked after.
        others: versions that are served and not stored.
        siblings: names of CRDs of the same operator, kept from the garbage collector as well.
    """
    plural, _, group = crd.partition(".")
    versions = sorted({*others, *(carried.spokes if carried is not None else ())})
    rules = [
        {
            "apiGroups": [_CRDS],
            "apiVersions": ["v1"],
            "operations": ["UPDATE"],
            "resources": ["customresourcedefinitions"],
            "resourceNames": [crd],
            "scope": "Cluster",
        },
        {
            "apiGroups": [_CRDS],
            "apiVersions": ["v1"],
            "operations": ["DELETE"],
            "resources": ["customresourcedefinitions"],
            "resourceNames": sorted({crd, *siblings}),
            "scope": "Cluster",
        },
    ]
    validations = [
        {
            "expression": f"!({_OF_CRD}) || request.operation == 'DELETE' || !({_TAKEN_AWAY}) || "
            f"({_ONE_STORED} && ({_ONE_SERVED} || {_BY_OLM}))",
            "message": f"the conversion of {crd} stays: without it, reads through a version"
            " that is not stored lose fields, and writes lose them for good. To take it "
            "away, first serve the stored version only, with nothing stored in another "
            "(status.storedVersions).",
            "reason": "Forbidden",
        },
        {
            "expression": f"!({_COLLECTED})",
            "messageExpression": "'the CRD ' + request.name + ' stays with all its objects when "
            "its owner is deleted. To delete them all: kubectl delete crd ' + request.name",
            "message": "a CRD stays with all its objects when its owner is deleted",
            "reason": "Forbidden",
        },
    ]
    if versions:
        rules.append(
            {
                "apiGroups": [group],
                "apiVersions": versions,
                "operations": ["CREATE", "UPDATE"],
                "resources": [plural, f"{plural}/status", f"{plural}/scale"],
                "scope": "*",
            }
        )
        validations.append(_converted(crd, carried))
    if carried is not None and carried.spokes:
        validations += _carrying(carried)
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": policy_name(crd)},
        "spec": {
            "failurePolicy": "Fail",
            "paramKind": {"apiVersion": f"{_CRDS}/v1", "kind": "CustomResourceDefinition"},
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
        "spec": {
            "policyName": policy_name(crd),
            # Without the CRD there are no objects, and its siblings may be deleted.
            "paramRef": {"name": crd, "parameterNotFoundAction": "Allow"},
            "validationActions": ["Deny"],
        },
    }


def _converted(crd: str, carried: Carried | None) -> dict[str, str]:
    """The rule about writes while nothing converts.

    An API server learns of the CRD's end of conversion and of the policy's parameter by two
    watches, some milliseconds apart. An update in between is told by what it finds.
    """
    shown = carried.shown if carried is not None else {}
    found = " && ".join(
        f"(request.resource.version != '{version}' || "
        f"(has(oldObject.spec) && has(oldObject.spec.{field})))"
        for version, field in sorted(shown.items())
    )
    seen = f" && (request.operation == 'CREATE' || {_SCALE} || ({found}))" if found else ""
    return {
        "expression": f"{_EXEMPT} || (({_CONVERTED}){seen})",
        "message": f"nothing converts {crd} now, as its operator is not installed, and this write "
        "would lose what only the stored version has. Nothing is lost so far: write through the "
        "stored version, or install the operator again.",
        "reason": "Invalid",
    }


def _carrying(carried: Carried) -> list[dict[str, str]]:
    """The rules about updates through an old version."""
    name, hub = carried.annotation, carried.hub
    exempt = (
        f"{_EXEMPT} || request.operation == 'CREATE' || request.resource.version == '{hub}' || "
        "(has(request.subResource) && request.subResource != '')"
    )

    def text(of: str, where: str = "annotations") -> str:
        field = f"{of}.metadata.{where}"
        return f"(has({field}) && '{name}' in {field} ? {field}['{name}'] : '')"

    # `"v1":{"/` cannot stand inside a text of JSON, where its quotes would be escaped. Who wrote it
    # by hand may have put space in between, which stays while the spoke is what is stored.
    parts = " || ".join(
        f"(request.resource.version != '{version}' && "
        f'{text("oldObject")}.matches(r\'"{version}"\\s*:\\s*[{{]\\s*"/\'))'
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
