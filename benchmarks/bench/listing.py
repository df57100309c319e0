"""A LIST of many objects through the version that is not stored, on a real API server.

kube-apiserver keeps a cache of the objects for each version that it serves, and fills it by sending
one stored object after the other through the webhook. That is what is measured here; afterwards it
answers from the cache, and no webhook is asked.
"""

import base64
import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from bench import reviews
from bench.measure import Sample
from bench.plane import Plane, install_crds
from bench.webhooks import Webhook
from helloworld_operator.api import GROUP, HELLOWORLD, PLURAL
from kopfkit.crd import custom_resource_definition
from kopfkit.errors import KopfkitError
from kopfkit.testing.client import Api, ApiError

NAMESPACE: Final = "many"
# etcd takes so many operations in a transaction (etcd, --max-txn-ops).
_OPERATIONS: Final = 128
# Seconds for the API server to read all objects through a webhook.
_LIMIT: Final = 300.0


@contextlib.contextmanager
def seeded(plane: Plane, count: int) -> Iterator[None]:
    """`count` objects of v1, put into etcd as the API server would have stored them: a create
    request for each would take longer than everything that is measured. They end with the block."""
    _ensure_namespace(plane.api)
    objects = [reviews.stored(number, NAMESPACE) for number in range(count)]
    try:
        for part in reviews.split(objects, _OPERATIONS):
            puts = [
                {"requestPut": {"key": _key(each["metadata"]["name"]), "value": _base64(each)}}
                for each in part
            ]
            _etcd(plane, "txn", {"success": puts})
        yield
    finally:
        # In this order: for each that goes, the API server would have the webhook convert it.
        install_crds(plane.api)
        _etcd(plane, "deleterange", _everything())


def _ensure_namespace(api: Api) -> None:
    if not api.exists(f"/api/v1/namespaces/{NAMESPACE}"):
        api.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})


def measure(plane: Plane, peer: Webhook, count: int) -> Sample:
    """The first LIST after the CRD names this webhook, and the one after it.

    A CRD that begins to serve a version makes the API server read everything through the webhook;
    from then on it answers from its cache, without asking. Until the cache is full it answers 429,
    which a client repeats; the clock runs from the change to the whole answer.
    """
    path = f"/apis/{GROUP}/v1alpha1/namespaces/{NAMESPACE}/{PLURAL}"
    # First without this version: or a cache that another webhook has filled could still answer.
    install_crds(plane.api)
    _until(lambda: not plane.api.exists(path), "v1alpha1 is still served")
    crd: Any = custom_resource_definition(HELLOWORLD, conversion=None)
    crd["spec"]["conversion"] = peer.conversion()
    cpu, began = peer.process.cpu(), time.perf_counter()
    plane.api.apply(crd)
    _until(lambda: _listed(plane.api, path, count), "LIST through v1alpha1 is not complete")
    first = time.perf_counter() - began
    used = peer.process.cpu() - cpu
    began = time.perf_counter()
    _until(lambda: _listed(plane.api, path, count), "the second LIST is not complete")
    values = {
        "first": first,
        "again": time.perf_counter() - began,
        "cpu_ms": used / count * 1000,
    }
    return Sample(peer.name, "list", count, values)


def _listed(api: Api, path: str, count: int) -> bool:
    """Whether a LIST has everything; not yet while it is answered 404 or 429."""
    try:
        return len(api.get(path)["items"]) == count
    except ApiError as error:
        if error.status not in (404, 429):
            raise
        return False


def _until(check: Callable[[], bool], trouble: str) -> None:
    deadline = time.monotonic() + _LIMIT
    while not check():
        if time.monotonic() > deadline:
            raise KopfkitError("benchmark", f"{trouble} after {_LIMIT:.0f} s")
        time.sleep(0.05)


def _key(name: str) -> str:
    path = f"/registry/{GROUP}/{PLURAL}/{NAMESPACE}/{name}"
    return base64.b64encode(path.encode()).decode()


def _everything() -> dict[str, str]:
    # "0" follows "/": all keys below the namespace (etcd, range_end).
    first, last = _key(""), f"/registry/{GROUP}/{PLURAL}/{NAMESPACE}0"
    return {"key": first, "range_end": base64.b64encode(last.encode()).decode()}


def _base64(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def _etcd(plane: Plane, action: str, body: Any) -> None:
    """A request to etcd's JSON gateway, with the API server's own certificate."""
    made = plane.control.certificates
    context = ssl.create_default_context(cafile=made / "ca.crt")
    client = made / "apiserver-etcd-client"
    context.load_cert_chain(f"{client}.crt", f"{client}.key")
    connection = http.client.HTTPSConnection("127.0.0.1", _port(plane), timeout=60, context=context)
    with contextlib.closing(connection):
        path = f"/v3/kv/{action}"
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
    if answer.status != http.client.OK:
        raise KopfkitError("etcd", f"answers {answer.status}: {text[:200]!r}")


def _port(plane: Plane) -> int:
    return int(json.loads((plane.control.directory / "ports.json").read_text())["etcd"])
