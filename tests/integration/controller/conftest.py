"""A control plane with an audit log, and the operator on it as a real process.

The operator runs as its own service account with the roles that config/rbac ships, so every test
here also shows that those are enough. The audit log tells which process wrote what: each process
has a token of its own, and the log carries the token's id.
"""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from kopfkit import yamls
from kopfkit.controlplane import controlplane
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.crd import custom_resource_definition
from kopfkit.errors import KopfkitError
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain

ROOT = Path(__file__).parents[3]
SYSTEM = "helloworld-operator-system"
CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{HELLOWORLD.crd_name}"
IMAGE = "localhost:5001/helloworld-operator:test"
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}
# Set by pytest-xdist in each of its processes.
WORKER = "PYTEST_XDIST_WORKER"
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


@dataclass
class Plane:
    """The control plane of these tests."""

    control: ControlPlane
    api: Api
    directory: Path

    _events: list[dict[str, Any]] = field(default_factory=list)
    _read: int = 0

    @property
    def audit_log(self) -> Path:
        return self.directory / "audit.log"

    def events(self) -> list[dict[str, Any]]:
        """All that the audit log has; of a long log only what is new is read."""
        with self.audit_log.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._read:
                self._read = 0  # the API server has begun a new one
            file.seek(self._read)
            # The last line may be being written.
            lines, _, _ = file.read().rpartition(b"\n")
        if lines:
            self._read += len(lines) + 1
            self._events += map(msgspec.json.decode, lines.split(b"\n"))
        return self._events

    def install_crd(self) -> None:
        """Install the CRDs and wait until they are served."""
        for resource in (HELLOWORLD, SNAPSHOT):
            self.api.apply(custom_resource_definition(resource, conversion=None))
        served = [f"/apis/test.jiaozi.com/v1/{each.plural}" for each in (HELLOWORLD, SNAPSHOT)]
        eventually(lambda: all(map(self.api.exists, served)))

    def kubeconfig(self, name: str) -> tuple[Path, str]:
        """A kubeconfig with a fresh token of the operator's service account, and the token's id."""
        account = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/helloworld-operator/token"
        token = self.api.post(account, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
        claims = token.split(".")[1]
        jti = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"]
        config = yamls.read(self.control.kubeconfig)
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        path = self.directory / f"{name}-{jti}.kubeconfig"
        path.write_text(yamls.dump(config))
        return path, jti


# Begins the names of directories with a control plane of these tests.
DIRECTORY = "controller"


class Folder:
    """What the processes of a parallel run know of each other: the tests that have ended, and the
    audit logs of all their control planes."""

    root: ClassVar[Path]

    @classmethod
    def ended(cls) -> set[str]:
        """Node ids of the tests of this directory that have ended, in all processes."""
        files = cls.root.glob("ended-*")
        return {line for file in files for line in file.read_text().splitlines()}

    @classmethod
    def audit_logs(cls) -> list[Path]:
        """All audit logs of this directory's tests, the rotated ones too."""
        return sorted(cls.root.rglob(f"{DIRECTORY}[0-9]*/audit*.log"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Last, the test that reads what all others have left in the audit logs."""
    items.sort(key=lambda item: item.path.name == "test_rights.py")


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Tells other processes of the run that a test of this directory has ended, however."""
    if not hasattr(Folder, "root"):
        return  # the process that started the others hears of their tests, and runs none
    with (Folder.root / f"ended-{os.environ.get(WORKER, 'only')}").open("a") as file:
        file.write(f"{nodeid}\n")


@pytest.fixture(scope="session", autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    Folder.root = base.parent if WORKER in os.environ else base


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane of its own, which writes an audit log and may be restarted."""
    try:
        toolchain.ensure(controlplane.TOOLS)
    except KopfkitError as error:
        pytest.skip(f"no control plane: {error}")
    directory = tmp_path_factory.mktemp(DIRECTORY)
    policy = directory / "audit.yaml"
    policy.write_text(yamls.dump(POLICY))
    arguments = (
        f"--audit-policy-file={policy}",
        f"--audit-log-path={directory / 'audit.log'}",
        # As in OpenShift: who sets blockOwnerDeletion needs the right to the owner's finalizers.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
    )
    control = ControlPlane(directory / "plane", tied=True, api_server_args=arguments)
    try:
        control.start()
        with Api(control.kubeconfig) as api:
            made = Plane(control, api, directory)
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}
            api.create(space)
            for file in sorted((ROOT / "config" / "rbac").glob("*.yaml")):
                for document in yamls.read_all(file):
                    if document and document["kind"] != "Kustomization":
                        api.apply(document)
            made.install_crd()
            yield made
    finally:
        control.stop()


@pytest.fixture
def api(plane: Plane) -> Api:
    """The administrator's client."""
    return plane.api


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A namespace of this test's own."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}}
    name: str = api.post("/api/v1/namespaces", body)["metadata"]["name"]
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


@dataclass
class Operator:
    """One running operator process."""

    plane: Plane
    process: "subprocess.Popen[bytes]"
    log: Path
    jti: str

    def logs(self) -> str:
        return self.log.read_text()

    def says(self, text: str) -> bool:
        """Wait until the log contains the text."""
        return eventually(lambda: text in self.logs() or self._alive()) is True

    def _alive(self) -> str:
        assert self.process.poll() is None, self.logs()
        return ""

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.kill()  # nothing is left running, and the test fails
            raise AssertionError(f"did not end in 30 s:\n{self.logs()}") from None

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(120)

    def requests(self) -> list[dict[str, Any]]:
        """What it asked the API server, from the audit log."""
        mine = f"JTI={self.jti}"
        key = "authentication.kubernetes.io/credential-id"
        return [
            event
            for event in self.plane.events()
            if mine in (event["user"].get("extra") or {}).get(key, [])
        ]

    def writes(
        self, *, accepted: bool = False, within: str = "", since: datetime | None = None
    ) -> list[str]:
        """What it wrote, but for Leases: "create deployments x"; also what was refused, unless only
        what was accepted is asked for. A write may be seen before the audit log has it.

        Args:
            accepted: only what was.
            within: a namespace; only what was written there or outside of all. A namespace of
                a test before may still be going, and in it a Service before its owner.
            since: only what the API server received after that moment.
        """
        moment = since.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if since else ""
        return [
            " ".join(
                filter(
                    None,
                    (
                        event["verb"],
                        event["objectRef"]["resource"],
                        event["objectRef"].get("subresource", ""),
                        event["objectRef"].get("name", ""),
                    ),
                )
            )
            for event in self.requests()
            if event["verb"] in WRITES
            and event["objectRef"]["resource"] != "leases"
            and event["requestReceivedTimestamp"] > moment
            and (not within or event["objectRef"].get("namespace", within) == within)
            and not (accepted and event["responseStatus"]["code"] >= 300)
        ]


Start = Callable[..., Operator]


def _starter(plane: Plane, running: list[Operator]) -> Start:
    def start(*arguments: str, name: str = "operator", image: str = IMAGE) -> Operator:
        path, jti = plane.kubeconfig(name)
        log = path.with_suffix(".log")
        environment = {**os.environ, "KUBECONFIG": str(path), "POD_NAMESPACE": SYSTEM}
        environment["RELATED_IMAGE_HELLOWORLD"] = image
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "helloworld_operator",
                    "run",
                    "--health-port=0",
                    *arguments,
                ],
                env=environment,
                stderr=output,
                stdout=output,
            )
        running.append(Operator(plane, process, log, jti))
        return running[-1]

    return start


def _end(running: list[Operator]) -> None:
    for operator in running:
        if operator.process.poll() is None:
            operator.stop()


@pytest.fixture
def start(plane: Plane) -> Iterator[Start]:
    """Starts operators, and ends them after the test."""
    running: list[Operator] = []
    yield _starter(plane, running)
    _end(running)


@pytest.fixture(scope="module")
def operator(plane: Plane) -> Iterator[Operator]:
    """An operator that leads and knows what there is, for all tests of a module."""
    running: list[Operator] = []
    one = _starter(plane, running)()
    one.says("Caches synced")
    one.says("Became leader")
    yield one
    _end(running)


@dataclass(frozen=True)
class Hello:
    """One HelloWorld and what belongs to it."""

    api: Api
    namespace: str
    name: str
    child: str

    @property
    def path(self) -> str:
        return f"/apis/test.jiaozi.com/v1/namespaces/{self.namespace}/helloworlds/{self.name}"

    @property
    def deployment_path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.child}"

    @property
    def service_path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/services/{self.child}"

    def get(self) -> Any:
        return self.api.get(self.path)

    def deployment(self) -> Any:
        return self.api.get(self.deployment_path)

    def service(self) -> Any:
        return self.api.get(self.service_path)

    def condition(self, kind: str) -> Any:
        """The condition of a type. LookupError while there is none."""
        for item in self.get().get("status", {}).get("conditions", []):
            if item["type"] == kind:
                return item
        raise LookupError(kind)

    def settled(self) -> Any:
        """Wait until the status is that of the newest spec and of its pods; returns the object.

        There are no nodes, so the old pods of a rolling update stay.
        """

        def look() -> Any:
            now = self.get()
            status = now.get("status", {})
            assert status.get("observedGeneration") == now["metadata"]["generation"], now
            assert status["replicas"] >= now["spec"]["replicas"], now
            return now

        return eventually(look)


@pytest.fixture
def hello(api: Api, namespace: str) -> Callable[..., Hello]:
    """Creates a HelloWorld: `hello(name, **spec)`; `child` is the name its children get."""

    def create(name: str = "x", *, child: str = "", **spec: Any) -> Hello:
        api.create(
            {
                "apiVersion": "test.jiaozi.com/v1",
                "kind": "HelloWorld",
                "metadata": {"name": name, "namespace": namespace},
                "spec": spec,
            }
        )
        return Hello(api, namespace, name, child or name)

    return create
