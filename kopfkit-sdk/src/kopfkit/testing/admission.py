"""One request to an admission, in microseconds: the answer that the webhook would give.

The review is made, answered by the process's own code and read again, so that what a test sees is
what a client is told. This is no API server: the schema is not checked, and no default of its is
set. What depends on those is tested against a real one (`kopfkit.testing.plugin`).
"""

import asyncio
import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kopfkit.admission.review import API_VERSION, KIND
from kopfkit.controller.admission import Admission
from kopfkit.controller.handleradmission import HandlerAdmission
from kopfkit.controller.webhooks import reviewers

Asked = Admission[Any, Any] | HandlerAdmission


@dataclass
class Admitted:
    """What became of a request.

    Attributes:
        allowed: whether the object is stored.
        object: as it would be stored, with its defaults.
        errors: the messages by the path of the field.
        message: what a refusal says in all; "" for none.
        warnings: what a client is told besides.
    """

    allowed: bool
    object: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)
    message: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def spec(self) -> dict[str, Any]:
        """The spec as it would be stored."""
        return dict(self.object.get("spec") or {})


def create(admission: Asked, obj: Mapping[str, Any]) -> Admitted:
    """Create an object: metadata.name, spec, and what else matters."""
    return asyncio.run(_ask(admission, "CREATE", obj, None))


def update(admission: Asked, old: Mapping[str, Any], new: Mapping[str, Any]) -> Admitted:
    """Change a stored object."""
    return asyncio.run(_ask(admission, "UPDATE", new, old))


def delete(admission: Asked, obj: Mapping[str, Any]) -> Admitted:
    """Delete a stored object."""
    return asyncio.run(_ask(admission, "DELETE", None, obj))


def review(
    admission: Asked,
    operation: str,
    obj: Mapping[str, Any] | None,
    old: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """An AdmissionReview as the API server sends it; `more` replaces fields of the request."""
    of, version = admission.custom_resource, admission.version.name
    known: Mapping[str, Any] = obj or old or {}
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": of.group, "version": version, "kind": of.kind},
        "resource": {"group": of.group, "version": version, "resource": of.plural},
        "operation": operation,
        "userInfo": {"username": "tester", "groups": ["system:authenticated"]},
        "name": known.get("metadata", {}).get("name", ""),
        "namespace": "default" if of.scope == "Namespaced" else "",
        "dryRun": False,
        "object": _whole(admission, obj),
        "oldObject": _whole(admission, old),
        **more,
    }
    return {"apiVersion": API_VERSION, "kind": KIND, "request": request}


def _whole(admission: Asked, obj: Mapping[str, Any] | None) -> Any:
    if obj is None:
        return None
    of = admission.custom_resource
    api = {"apiVersion": f"{of.group}/{admission.version.name}", "kind": of.kind}
    return {**api, **copy.deepcopy(dict(obj))}


async def _ask(
    admission: Asked,
    operation: str,
    obj: Mapping[str, Any] | None,
    old: Mapping[str, Any] | None,
) -> Admitted:
    found = Admitted(True, _whole(admission, obj or old))
    served = reviewers([admission])
    for hook in admission.hooks:
        if operation not in hook.operations:
            continue
        sent = found.object if obj is not None else None
        body = msgspec.json.encode(review(admission, operation, sent, old))
        response = msgspec.json.decode(await served[hook.path](body))["response"]
        found.warnings += response.get("warnings", [])
        if not response["allowed"]:
            status = response["status"]
            causes = status.get("details", {}).get("causes", [])
            found.allowed, found.message = False, status["message"]
            found.errors = {each["field"]: each["message"] for each in causes}
            break
        if "patch" in response:
            for each in msgspec.json.decode(base64.b64decode(response["patch"])):
                apply(found.object, each)
    return found


def apply(obj: dict[str, Any], operation: Mapping[str, Any]) -> None:
    """Carry out an operation of a JSON patch on the members of an object, in place."""
    *way, last = (
        each.replace("~1", "/").replace("~0", "~") for each in operation["path"].split("/")[1:]
    )
    for each in way:
        obj = obj[each]
    if operation["op"] == "remove":
        del obj[last]
    else:
        obj[last] = operation["value"]
