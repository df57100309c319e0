"""A raw Kubernetes API client for tests: JSON in, JSON out, nothing hidden.

Tests see what the API server really says: status codes, warnings, the bytes of a rejected object.
It shares no code with the client that operators use, so that a fault in one is not a fault in both.
"""

import base64
import contextlib
import http.client
import json
import re
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode, urlsplit

from kopfkit import yamls
from kopfkit.runtime.api import credentials

__all__ = [
    "PATCH_TYPES",
    "Answer",
    "Api",
    "ApiError",
    "PatchType",
]

PatchType = Literal["merge", "json", "strategic", "apply"]

PATCH_TYPES: Mapping[PatchType, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",  # JSON is YAML
}
# Seconds for an answer.
_PATIENCE = 60
# RFC 9111 5.5: `299 - "text"`, with backslash escapes in the text.
_WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Answer:
    """What the API server answered.

    Attributes:
        status: the HTTP status code.
        body: the parsed JSON, or the text where it is none.
        warnings: the texts of the Warning headers, in order.
    """

    status: int
    body: Any
    warnings: list[str] = field(default_factory=list)


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        status: the HTTP status code.
        reason: the Status object's reason ("NotFound", "Invalid", ...), or "".
        body: the Status object, or the text.
    """

    def __init__(self, request: str, answer: Answer) -> None:
        status = answer.body if isinstance(answer.body, dict) else {}
        super().__init__(f"{request}: {answer.status} {status.get('message') or answer.body}")
        self.status = answer.status
        self.reason = str(status.get("reason", ""))
        self.body = answer.body


class Api:
    """A client for the cluster of a kubeconfig's current context. Threads may share it.

    Args:
        kubeconfig: the file; client certificates and tokens are understood.
        headers: sent with every request, such as Impersonate-User.
    """

    def __init__(self, kubeconfig: Path, headers: Mapping[str, str] | None = None) -> None:
        self.kubeconfig = kubeconfig
        self.warnings: list[str] = []
        """Every warning since the client was made, or since the test cleared the list."""
        cluster, user = _current(kubeconfig)
        self.url: str = cluster["server"].rstrip("/")
        self._headers = {"Accept": "application/json", **(headers or {})}
        if token := user.get("token"):
            self._headers["Authorization"] = f"Bearer {token}"
        self._context = _tls(cluster, user, kubeconfig.parent)
        self._local = threading.local()
        self._open: list[http.client.HTTPConnection] = []
        self._paths: dict[tuple[str, str], tuple[str, bool]] = {}

    def acting_as(self, user: str, *groups: str) -> "Api":
        """A client that impersonates `user` ("system:serviceaccount:ns:name")."""
        # http.client sends one header per name, so several groups need request() by hand.
        headers = {"Impersonate-User": user}
        if groups:
            headers["Impersonate-Group"] = groups[0]
        return Api(self.kubeconfig, headers)

    def get(self, path: str, **query: object) -> Any:
        """GET; raises ApiError unless the answer is a success."""
        return self._do("GET", path, None, query)

    def post(self, path: str, body: Any, **query: object) -> Any:
        """POST (create)."""
        return self._do("POST", path, body, query)

    def put(self, path: str, body: Any, **query: object) -> Any:
        """PUT (replace)."""
        return self._do("PUT", path, body, query)

    def patch(self, path: str, body: Any, type: PatchType = "merge", **query: object) -> Any:
        """PATCH with a patch of the given type."""
        return self._do("PATCH", path, body, query, PATCH_TYPES[type])

    def delete(self, path: str, body: Any = None, **query: object) -> Any:
        """DELETE; `body` may be DeleteOptions."""
        return self._do("DELETE", path, body, query)

    def apply(
        self, obj: Mapping[str, Any], *, manager: str = "test", force: bool = False, **query: object
    ) -> Any:
        """Server-side apply of one object, which says itself what and where it is."""
        query = {"fieldManager": manager, "force": str(force).lower(), **query}
        return self.patch(self.path_of(obj), obj, "apply", **query)

    def create(self, obj: Mapping[str, Any], **query: object) -> Any:
        """Create one object, which says itself what and where it is."""
        collection = self.path_of({**obj, "metadata": {**obj.get("metadata", {}), "name": ""}})
        return self.post(collection.rstrip("/"), obj, **query)

    def exists(self, path: str) -> bool:
        """Whether a GET finds something."""
        return self.request("GET", path).status == 200

    def history(self, path: str, *, since: str) -> list[Any]:
        """Every state of an object after a resourceVersion, oldest first; the last is today's.

        For a state that lasts a moment only: a poll can miss it, the API server's watch cache keeps
        it for a minute at least. What is kept no longer is an error and never a gap.

        Args:
            path: of one object that exists.
            since: a resourceVersion of the object, or of anything that was written before.

        Raises:
            ApiError: refused; no such object; `since` is too old for the API server (410 Expired).
            TimeoutError: the API server did not send all of it.
        """
        newest = int(self.get(path)["metadata"]["resourceVersion"])
        if newest <= int(since):
            return []
        collection, _, name = path.rpartition("/")
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": _PATIENCE}
        url = f"{collection}?{urlencode(query)}&fieldSelector=metadata.name%3D{quote(name)}"
        states: list[Any] = []
        with contextlib.closing(self._exchange("GET", url, None, self._headers)) as stream:
            try:
                for event in map(json.loads, stream):
                    state = event.get("object", event)
                    if event.get("type", "ERROR") == "ERROR":
                        raise ApiError(f"WATCH {path}", Answer(state["code"], state))
                    if event["type"] != "DELETED":
                        states.append(state)
                    if int(state["metadata"]["resourceVersion"]) >= newest:
                        return states
            finally:
                self._local.connection.close()  # it still carries the watch
        raise TimeoutError(f"WATCH {path}: the state {newest} did not come in {_PATIENCE} s")

    def path_of(self, obj: Mapping[str, Any]) -> str:
        """The URL path of an object with apiVersion, kind, metadata.name and, where its kind is
        namespaced, metadata.namespace ("default" otherwise)."""
        version, kind = obj["apiVersion"], obj["kind"]
        base, namespaced = self._resource(version, kind)
        root, _, plural = base.rpartition("/")
        metadata = obj["metadata"]
        if namespaced:
            root += f"/namespaces/{quote(metadata.get('namespace', 'default'))}"
        return f"{root}/{plural}/{quote(metadata['name'])}"

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, object] | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, whatever the answer. Bytes and str bodies are sent as they are."""
        if body is not None and not isinstance(body, bytes | str):
            body = json.dumps(body)
        data = body.encode() if isinstance(body, str) else body
        sent = {**self._headers, **(headers or {})}
        if data is not None:
            sent["Content-Type"] = content_type
        url = f"{path}?{urlencode(query)}" if query else path
        response = self._exchange(method, url, data, sent)
        raw = response.read()
        try:
            parsed = json.loads(raw)
        except ValueError:
            parsed = raw.decode(errors="replace")
        lines = response.headers.get_all("Warning") or []
        texts = [text for line in lines for text in _WARNING.findall(line)]
        warnings = [re.sub(r"\\(.)", r"\1", text) for text in texts]
        self.warnings += warnings
        return Answer(response.status, parsed, warnings)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, object],
        content_type: str = "application/json",
    ) -> Any:
        answer = self.request(method, path, body, query, content_type)
        if answer.status >= 400:
            raise ApiError(f"{method} {path}", answer)
        return answer.body

    def _resource(self, version: str, kind: str) -> tuple[str, bool]:
        if (version, kind) not in self._paths:
            root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
            for resource in self.get(root)["resources"]:
                if "/" not in resource["name"]:
                    found = f"{root}/{resource['name']}", bool(resource["namespaced"])
                    self._paths[version, resource["kind"]] = found
        if (version, kind) not in self._paths:
            raise LookupError(f"the API server does not know the kind {kind} in {version}")
        return self._paths[version, kind]

    def _exchange(
        self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        kept = getattr(self._local, "connection", None)
        for connection in [kept] if kept else []:
            # A kept connection may have been closed meanwhile; nothing was sent then.
            with contextlib.suppress(http.client.HTTPException, ConnectionError, ssl.SSLError):
                connection.request(method, url, data, dict(headers))
                return connection.getresponse()  # type: ignore[no-any-return]
            connection.close()
        address = urlsplit(self.url)
        assert address.hostname is not None
        fresh = http.client.HTTPSConnection(
            address.hostname, address.port or 443, timeout=_PATIENCE, context=self._context
        )
        self._open.append(fresh)
        self._local.connection = fresh
        fresh.request(method, url, data, dict(headers))
        return fresh.getresponse()


def _current(kubeconfig: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    config = yamls.read(kubeconfig)

    def named(kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(e for e in config[f"{kind}s"] if e["name"] == name)[kind]
        return found

    context = named("context", config["current-context"])
    cluster, user = named("cluster", context["cluster"]), named("user", context["user"])
    credentials.check_supported(str(kubeconfig), cluster, user)
    return cluster, user


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], base: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    if authority := _material(cluster, "certificate-authority", base):
        context.load_verify_locations(cadata=authority.decode())
    certificate = _material(user, "client-certificate", base)
    key = _material(user, "client-key", base)
    if certificate and key:
        with _temporary(certificate + b"\n" + key) as path:
            context.load_cert_chain(path)
    return context


def _material(entry: Mapping[str, Any], name: str, base: Path) -> bytes | None:
    if data := entry.get(f"{name}-data"):
        return base64.b64decode(data)
    return (base / entry[name]).read_bytes() if name in entry else None


@contextlib.contextmanager
def _temporary(content: bytes) -> Iterator[str]:
    # The ssl module reads client certificates from files only. Mode 0600, gone at once.
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name
