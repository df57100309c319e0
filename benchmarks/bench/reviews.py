"""The objects that are converted, the reviews that ask for it, and the client that asks.

The objects are as the API server stores them: v1, with a language, resources and a Service, which
v1alpha1 has no field for, and with the status and managedFields that a settled HelloWorld has.
"""

import http.client
import json
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

from helloworld_operator.api import GROUP, KIND
from helloworld_operator.api.conversion import ANNOTATION
from kopfkit.errors import KopfkitError

NEW: Final = f"{GROUP}/v1"
OLD: Final = f"{GROUP}/v1alpha1"
_SINCE: Final = "2026-01-01T00:00:00Z"


def stored(number: int, namespace: str = "default") -> dict[str, Any]:
    """One settled HelloWorld of v1, about 2.5 kB."""
    name = f"hello-{number:05}"
    return {
        "apiVersion": NEW,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"00000000-0000-4000-8000-{number:012}",
            "generation": 1,
            "creationTimestamp": _SINCE,
            "labels": {"app.kubernetes.io/part-of": "benchmark"},
            "managedFields": [
                _managed("kubectl", "", {"f:spec": {".": {}, "f:greeting": {}, "f:replicas": {}}}),
                _managed("helloworld-operator", "status", {"f:status": _CONDITIONS_MANAGED}),
            ],
        },
        "spec": {
            "replicas": 2,
            "greeting": {"message": f"Hello from {name}", "language": "en"},
            "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}},
            "service": {"type": "ClusterIP", "port": 8080},
        },
        "status": {
            "observedGeneration": 1,
            "desiredReplicas": 2,
            "replicas": 2,
            "readyReplicas": 2,
            "selector": f"app.kubernetes.io/instance={name},app.kubernetes.io/name=helloworld",
            "url": f"http://{name}.{namespace}.svc:8080",
            "conditions": [
                _condition("Available", "True", "MinimumReplicasAvailable", "2 of 2 pods"),
                _condition("Progressing", "False", "RolloutComplete", "2 pods up to date"),
                _condition("Degraded", "False", "AsExpected", ""),
            ],
        },
    }


def review(objects: Sequence[Any], version: str, uid: str = "benchmark") -> bytes:
    """A ConversionReview as the API server sends it."""
    request = {"uid": uid, "desiredAPIVersion": version, "objects": list(objects)}
    document = {
        "kind": "ConversionReview",
        "apiVersion": "apiextensions.k8s.io/v1",
        "request": request,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def split(objects: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """`objects` in parts of `size`."""
    return (objects[start : start + size] for start in range(0, len(objects), size))


def without_annotation(obj: Any) -> Any:
    """An object without what a converter keeps in its annotation, whose form is its own affair."""
    metadata = dict(obj["metadata"])
    kept = {k: v for k, v in (metadata.pop("annotations", None) or {}).items() if k != ANNOTATION}
    return {**obj, "metadata": {**metadata, **({"annotations": kept} if kept else {})}}


class Client:
    """Posts reviews over one TLS connection that stays open, as kube-apiserver does."""

    def __init__(self, port: int, ca: Path) -> None:
        context = ssl.create_default_context(cafile=ca)
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=120, context=context
        )

    def __enter__(self) -> Self:
        self._connection.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, body: bytes) -> bytes:
        """The answer's body. KopfkitError if its HTTP status is not 200."""
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", "/convert", body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != http.client.OK:
            raise KopfkitError("webhook", f"answers {answer.status}: {text[:200]!r}")
        return text

    def convert(self, objects: Sequence[Any], version: str) -> list[Any]:
        """The converted objects. KopfkitError if they cannot be converted."""
        response = json.loads(self.post(review(objects, version)))["response"]
        if response["result"]["status"] != "Success":
            raise KopfkitError("webhook", f"cannot convert: {response['result']}")
        found: list[Any] = response["convertedObjects"]
        return found


def _managed(manager: str, subresource: str, fields: Any) -> dict[str, Any]:
    made = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": NEW,
        "time": _SINCE,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return {**made, "subresource": subresource} if subresource else made


_CONDITIONS_MANAGED: Final[dict[str, Any]] = {
    "f:conditions": {
        ".": {},
        **{
            f'k:{{"type":"{kind}"}}': {
                ".": {},
                **{
                    f"f:{field}": {}
                    for field in ("lastTransitionTime", "message", "reason", "status", "type")
                },
            }
            for kind in ("Available", "Progressing", "Degraded")
        },
    },
    "f:observedGeneration": {},
    "f:readyReplicas": {},
    "f:replicas": {},
    "f:selector": {},
    "f:url": {},
}


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": _SINCE,
    }
