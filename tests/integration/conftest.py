"""A raw client of the API server, and CRDs that come and go with a test.

Raw, because these tests look at what clients hide: Warning headers, refusals word for word, tables,
the object exactly as it is sent.
"""

import itertools
import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from helloworld_operator.api import HELLOWORLD
from kopfkit.crd import CustomResource, custom_resource_definition
from kopfkit.host import ports
from kopfkit.testing import waiting
from kopfkit.toolchain import toolchain

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Seconds; a CRD is served within one, a loaded machine gets far more.
PATIENCE = 240.0


# The files that take longest, first in a parallel run: one that begins last ends last, with nothing
# beside it. The order costs nothing where it is out of date.
LONGEST = (
    "scaffold/test_new_operator.py",
    "test_run_watch.py",
    "test_tutorial.py",
    "test_drills.py",
    "releasing/test_release.py",
    "test_run_local.py",
    "upgrade/test_nothing_converts.py",
    "test_preview.py",
    "scaffold/test_two_conversions.py",
    "test_existing_operator.py",
    "simulation/test_schema_pairs.py",
    "upgrade/test_protection.py",
    "subscription/test_subscription.py",
    "test_served_catalog.py",
    "controller/stateful/test_kill_points.py",
    "controller/stateful/test_upgrades.py",
    "reliability/test_kill_points.py",
    "cluster/test_controlplane.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # a process of pytest-xdist
        order = {Path(__file__).parent / name: index for index, name in enumerate(LONGEST)}
        items.sort(key=lambda item: order.get(item.path, len(order)))


class _ControlPlane(Protocol):
    url: str
    certificates: Any


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of the API server."""

    status: int
    warnings: list[str]
    body: Any

    @property
    def message(self) -> str:
        """The sentence of a metav1.Status."""
        return str(self.body.get("message", ""))

    def ok(self) -> Any:
        """The body of a success."""
        assert self.status < 300, self.body
        return self.body


class RawApi:
    """JSON requests to the API server as its administrator."""

    def __init__(self, plane: _ControlPlane) -> None:
        context = ssl.create_default_context(cafile=plane.certificates / "ca.crt")
        context.load_cert_chain(plane.certificates / "admin.crt", plane.certificates / "admin.key")
        self._url = plane.url
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request; `headers` by name with _ for -."""
        sent = {"Content-Type": "application/json", "Accept": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=sent,
        )
        try:
            with self._opener.open(request, timeout=PATIENCE) as response:
                warnings = response.headers.get_all("Warning") or []
                return Answer(response.status, warnings, json.loads(response.read()))
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            try:
                document = json.loads(text)
            except ValueError:
                document = {"message": text.decode(errors="replace")}
            return Answer(error.code, error.headers.get_all("Warning") or [], document)

    def watch(self, path: str) -> Iterator[Any]:
        """The events of a watch from the beginning, as they come; for PATIENCE at most."""
        query = f"?watch=true&resourceVersion=0&timeoutSeconds={PATIENCE:.0f}"
        with self._opener.open(self._url + path + query, timeout=PATIENCE) as response:
            yield from map(json.loads, response)


def _eventually(read: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """What is read as soon as it is good; fails with the last reading after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not good(found := read()):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """`eventually(read, good)`: read until it is good."""
    return _eventually


@dataclass(frozen=True)
class Installed:
    """A kind's CRD in a group of its own, and the paths of its objects."""

    api: RawApi
    resource: CustomResource

    def path(self, version: str, name: str = "", subresource: str = "") -> str:
        """The path of one object, or of the collection."""
        parts = [
            f"/apis/{self.resource.group}/{version}/namespaces/default/{self.resource.plural}",
            name,
            subresource,
        ]
        return "/".join(part for part in parts if part)

    def make(self, version: str, name: str, annotations: Any = None, **content: Any) -> Answer:
        """Create an object."""
        return self.api(
            "POST", self.path(version), self.object(version, name, annotations, **content)
        )

    def object(self, version: str, name: str, annotations: Any = None, **content: Any) -> Any:
        """An object as a client writes it."""
        return {
            "apiVersion": f"{self.resource.group}/{version}",
            "kind": self.resource.kind,
            "metadata": {"name": name, **({"annotations": annotations} if annotations else {})},
            **content,
        }

    def get(self, version: str, name: str) -> Any:
        """The object, or the collection for the name ""."""
        return self.api("GET", self.path(version, name)).ok()

    def put(self, version: str, obj: Any, subresource: str = "") -> Any:
        """Update the object or a subresource of it."""
        path = self.path(version, obj["metadata"]["name"], subresource)
        return self.api("PUT", path, obj).ok()

    def crd(self) -> Any:
        """The CRD as it is now."""
        return self.api("GET", f"{CRDS}/{self.resource.crd_name}").ok()


Install = Callable[..., Installed]


@pytest.fixture(scope="session")
def raw_api(control_plane: _ControlPlane) -> RawApi:
    """A raw client with every right."""
    return RawApi(control_plane)


@pytest.fixture(scope="session")
def crds_gone(raw_api: RawApi) -> Callable[[str], None]:
    """`crds_gone(group)` waits until none of a group's CRDs is about to go.

    Deleting takes its time, and what is applied meanwhile under the same name goes with the rest.
    """

    def ending(group: str) -> list[str]:
        return [
            crd["metadata"]["name"]
            for crd in raw_api("GET", CRDS).ok()["items"]
            if "deletionTimestamp" in crd["metadata"] and crd["spec"]["group"] == group
        ]

    return lambda group: _eventually(lambda: ending(group), lambda names: not names)


_groups = itertools.count()


@pytest.fixture(scope="module")
def install(raw_api: RawApi) -> Iterator[Install]:
    """Install a CRD under a group nobody else uses; removed at the module's end.

    Called with a group, the resource (HelloWorld where none is given) and with what
    `custom_resource_definition` takes; `change` may alter the CRD before it is sent.
    """
    names: list[str] = []

    def new(
        group: str = "",
        change: Callable[[Any], Any] = lambda crd: None,
        resource: CustomResource = HELLOWORLD,
        **release: Any,
    ) -> Installed:
        group = group or f"t{next(_groups)}.example.com"
        resource = replace(resource, group=group, short_names=(), categories=())
        crd = custom_resource_definition(resource, **release)
        change(crd)
        answer = raw_api("POST", CRDS, crd)
        answer.ok()
        assert answer.warnings == []
        names.append(resource.crd_name)
        installed = Installed(raw_api, resource)
        for version in resource.versions:
            if release.get("served") is None or version.name in release["served"]:
                path = installed.path(version.name)
                _eventually(lambda path=path: raw_api("GET", path).status, lambda code: code == 200)
        return installed

    yield new
    for name in names:
        raw_api("DELETE", f"{CRDS}/{name}")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a registry of crane's."""
    place = tmp_path_factory.mktemp("registry")
    port = ports.free(1)[0]
    words = [toolchain.tool("crane"), "registry", "serve", f"--address=127.0.0.1:{port}"]
    with subprocess.Popen([*words, f"--disk={place}"], stderr=subprocess.DEVNULL) as child:

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5):
                    return True
            except OSError as error:
                raise AssertionError("no registry yet") from error

        try:
            waiting.eventually(answers)
            yield f"localhost:{port}"
        finally:
            child.terminate()
