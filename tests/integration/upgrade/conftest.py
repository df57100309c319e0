"""A CRD that flips its storage, the webhook as a process, and etcd itself as the oracle."""

import base64
import itertools
import json
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kopfkit import pki
from kopfkit.host import ports
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# The operator's converter under a group of the test's own, as a process that can be killed.
SERVE = """
import asyncio, sys
from pathlib import Path
from helloworld_operator.api.conversion import converter
from kopfkit.conversion import serve
group, directory, port = sys.argv[1:]
asyncio.run(serve(converter(group), cert_dir=Path(directory), port=int(port), health_port=0,
                  stop=asyncio.Event(), host="127.0.0.1"))
"""
FULL = {
    "replicas": 3,
    "greeting": {"message": "你好 <b>&amp;</b> \u2028", "language": "zh-Hans"},
    "image": "hello:1",
    "resources": {"limits": {"cpu": 1, "memory": "64Mi"}},
    "service": {"type": "NodePort", "port": 8080},
}


TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
_flips = itertools.count()


@dataclass
class Webhook:
    """The conversion webhook of one group."""

    group: str
    directory: Path
    ca: bytes
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def conversion(self) -> dict[str, Any]:
        """spec.conversion of a CRD that uses it."""
        client = {
            "url": f"https://127.0.0.1:{self.port}/convert",
            "caBundle": base64.b64encode(self.ca).decode(),
        }
        webhook = {"conversionReviewVersions": ["v1"], "clientConfig": client}
        return {"strategy": "Webhook", "webhook": webhook}

    @property
    def guard(self) -> dict[str, Any]:
        """clientConfig of an admission webhook that is its guard."""
        client: dict[str, Any] = self.conversion["webhook"]["clientConfig"]
        return {**client, "url": client["url"].replace("/convert", "/guard")}

    def start(self) -> None:
        argv = [sys.executable, "-c", SERVE, self.group, str(self.directory), str(self.port)]
        self.process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@dataclass
class Etcd:
    """What is stored, read from etcd past the API server."""

    url: str
    context: ssl.SSLContext = field(repr=False)

    def versions(self, group: str, plural: str) -> dict[str, str]:
        """Name of each object and the version it is stored in."""
        return {
            obj["metadata"]["name"]: obj["apiVersion"].partition("/")[2]
            for obj in self.objects(group, plural)
        }

    def objects(self, group: str, plural: str) -> list[Any]:
        """Every stored object of a resource."""
        return [json.loads(base64.b64decode(pair["value"])) for pair in self.pairs(group, plural)]

    def revisions(self, group: str, plural: str) -> dict[str, int]:
        """Key of each object and the revision of its last write."""
        return {
            base64.b64decode(pair["key"]).decode(): int(pair["mod_revision"])
            for pair in self.pairs(group, plural)
        }

    def pairs(self, group: str, plural: str) -> list[Any]:
        prefix = f"/registry/{group}/{plural}/"
        end = prefix[:-1] + "0"  # the byte after "/"
        body = {
            "key": base64.b64encode(prefix.encode()).decode(),
            "range_end": base64.b64encode(end.encode()).decode(),
        }
        request = urllib.request.Request(
            f"{self.url}/v3/kv/range", json.dumps(body).encode(), method="POST"
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.context)
        )
        with opener.open(request, timeout=60) as response:
            return json.loads(response.read()).get("kvs", [])  # type: ignore[no-any-return]


@dataclass
class Hello:
    """HelloWorld's CRD in a group of its own, stored as v1alpha1 at first."""

    installed: Any
    webhook: Webhook
    etcd: Etcd
    eventually: Callable[..., Any]

    @property
    def name(self) -> str:
        return str(self.installed.resource.crd_name)

    @property
    def group(self) -> str:
        return str(self.installed.resource.group)

    @property
    def environment(self) -> tuple[str, str]:
        return self.group, str(self.installed.resource.plural)

    def fill(self, count: int, **content: Any) -> None:
        """Make objects; through v1, with what v1alpha1 has no fields for."""
        for number in range(count):
            self.installed.make("v1", f"hello-{number:04}", **(content or {"spec": FULL})).ok()

    def change(self, change: Callable[[Any], None]) -> Any:
        """Change the CRD's spec."""

        def attempt() -> Any:
            crd = self.installed.crd()
            change(crd["spec"])
            return self.installed.api("PUT", f"{CRDS}/{self.name}", crd)

        return self.eventually(attempt, lambda answer: answer.status == 200).ok()

    def store(self, version: str) -> None:
        """Flip the storage version, and wait until the API server goes by it.

        It hears of its CRDs some time after they are stored. A column of the same write shows it.
        """
        column = f"Stores {next(_flips)}"

        def flip(spec: Any) -> None:
            for one in spec["versions"]:
                one["storage"] = one["name"] == version
                one["additionalPrinterColumns"] = [
                    {"name": column, "type": "integer", "jsonPath": ".metadata.generation"}
                ]

        def columns() -> list[str]:
            path = f"{self.installed.path('v1')}?limit=1"
            table = self.installed.api("GET", path, Accept=TABLE).body
            return [one["name"] for one in table.get("columnDefinitions", [])]

        self.change(flip)
        self.eventually(columns, lambda names: column in names)

    def stored(self) -> list[str]:
        """status.storedVersions."""
        return list(self.installed.crd()["status"]["storedVersions"])

    def versions(self) -> dict[str, str]:
        """The version of each object in etcd."""
        return self.etcd.versions(*self.environment)

    def content(self, version: str = "v1") -> dict[str, Any]:
        """Every object as a client sees it, without what the server counts up."""
        found = {}
        for obj in self.installed.get(version, "")["items"]:
            metadata = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
            found[metadata["name"]] = {**obj, "metadata": metadata}
        return found


@pytest.fixture(scope="session")
def etcd(control_plane: Any) -> Etcd:
    """etcd of the test's control plane, with the API server's own certificate."""
    made = control_plane.certificates
    context = ssl.create_default_context(cafile=made / "ca.crt")
    client = made / "apiserver-etcd-client"
    context.load_cert_chain(f"{client}.crt", f"{client}.key")
    port = json.loads((control_plane.directory / "ports.json").read_text())["etcd"]
    return Etcd(f"https://127.0.0.1:{port}", context)


_numbers = itertools.count()


@pytest.fixture(scope="module")
def flippable(
    install: Any, etcd: Etcd, eventually: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Hello]]:
    """`flippable(**release)`: a CRD with a running webhook; both go with the module."""
    webhooks: list[Webhook] = []
    now = datetime.now(UTC)
    ca = pki.make_ca("test", now=now)

    def make(**release: Any) -> Hello:
        group = f"upgrade-{next(_numbers)}.example.com"
        directory = tmp_path_factory.mktemp("certificates")
        pair = pki.make_serving_cert(ca, ["localhost"], ["127.0.0.1"], now=now)
        (directory / "tls.crt").write_bytes(pair.certificate)
        (directory / "tls.key").write_bytes(pair.key)
        (port,) = ports.free(1)
        webhook = Webhook(group, directory, ca.certificate, port)
        webhook.start()
        webhooks.append(webhook)
        installed = install(
            group, **{"storage": "v1alpha1", "conversion": webhook.conversion, **release}
        )
        hello = Hello(installed, webhook, etcd, eventually)
        # A write through the version that is not stored needs the webhook.
        eventually(
            lambda: installed.make("v1", "probe", spec=FULL), lambda answer: answer.status == 201
        )
        installed.api("DELETE", installed.path("v1", "probe")).ok()
        return hello

    yield make
    for webhook in webhooks:
        webhook.kill()


@pytest.fixture
def hello(flippable: Callable[..., Hello]) -> Hello:
    """A CRD of this test's own."""
    return flippable()


@pytest.fixture
async def client(control_plane: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """The run-time client with every right."""
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    made = Client(credentials.load, manager="migration")
    await made.open()
    yield made
    await made.close()
