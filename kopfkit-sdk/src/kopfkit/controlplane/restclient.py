"""Requests to the API server of a control plane of our own, one connection for all of them.

kubectl takes about a second for an object; a bundle has hundreds.
"""

import http.client
import json
import ssl
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.errors import KopfkitError

Object = dict[str, Any]
# Seconds for one answer; the API server answers in milliseconds or not at all.
_TIMEOUT = 60.0
# Bytes of a request; k8s.io/apiserver pkg/server, MaxRequestBodyBytes.
_LARGEST = 3 << 20


class Answer(NamedTuple):
    """What the API server answers.

    Attributes:
        status: the HTTP status code.
        body: the object, a Status for a refusal.
        warnings: texts of the Warning headers.
    """

    status: int
    body: Object
    warnings: list[str]


class Kind(NamedTuple):
    """How the API server has a kind.

    Attributes:
        path: of the resource in the API group ("deployments").
        namespaced: whether its objects are in namespaces.
    """

    path: str
    namespaced: bool


class RestClient:
    """Calls the API server of `plane` as its admin."""

    def __init__(self, plane: ControlPlane) -> None:
        context = ssl.create_default_context(cafile=str(plane.certificates / "ca.crt"))
        admin = plane.certificates / "admin"
        context.load_cert_chain(f"{admin}.crt", f"{admin}.key")
        server = urlsplit(plane.url)
        self._connection = http.client.HTTPSConnection(
            str(server.hostname), server.port, context=context, timeout=_TIMEOUT
        )
        self._kinds: dict[str, dict[str, Kind]] = {}

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def call(self, verb: str, path: str, body: Object | None = None) -> Answer:
        """One request. Raises KopfkitError if the API server does not answer."""
        data = None if body is None else json.dumps(body).encode("utf-8", "surrogatepass")
        if data is not None and len(data) > _LARGEST:
            # It would end the connection without having read all of it.
            return Answer(413, {"message": f"is {len(data)} bytes, over {_LARGEST}"}, [])
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        for attempt in (1, 2):
            try:
                self._connection.request(verb, path, data, headers)
                answer = self._connection.getresponse()
                text = answer.read()
                break
            except (OSError, http.client.HTTPException) as error:
                # An idle connection may be closed; the next request opens it again.
                self._connection.close()
                if attempt == 2:
                    raise KopfkitError("API server", f"does not answer ({error})") from None
        try:
            found = json.loads(text)
        except ValueError:
            found = {"message": text.decode("utf-8", "replace").strip()}
        told = [_warning(line) for line in answer.headers.get_all("Warning", [])]
        return Answer(answer.status, found if isinstance(found, dict) else {}, told)

    def kind(self, api_version: str, kind: str) -> Kind | None:
        """How a kind is to be reached; None if the API server does not have it."""
        if kind not in self._kinds.get(api_version, {}):
            answer = self.call("GET", prefix(api_version))
            self._kinds[api_version] = {
                one["kind"]: Kind(one["name"], one["namespaced"])
                for one in answer.body.get("resources", [])
                if "/" not in one["name"]
            }
        return self._kinds[api_version].get(kind)


def prefix(api_version: str) -> str:
    """The path of an apiVersion ("/apis/apps/v1")."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _warning(line: str) -> str:
    """The text of a Warning header: 299 - "text"."""
    text = line.partition('"')[2].rpartition('"')[0]
    return text.replace('\\"', '"').replace("\\\\", "\\")
