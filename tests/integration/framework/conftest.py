"""The example operator as a real process, with the rights that its project description derives.

The control plane writes an audit log; each process has a token of its own, and the log carries the
token's id. The registry outside of the cluster is a real HTTP server.
"""

import base64
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import kopf
import pytest

from hostnames import Registry
from kopfkit import yamls
from kopfkit.controlplane import controlplane
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.crd import custom_resource_definition
from kopfkit.errors import KopfkitError
from kopfkit.host import ports
from kopfkit.packaging import rbac
from kopfkit.project import Icon, Maintainer, Provider, derived
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

EXAMPLE = Path(__file__).parents[3] / "examples" / "databases"
OPERATORS = Path(__file__).parent / "operators"
HARBOUR_GROUP, HARBOUR_SYSTEM = "harbour.example.com", "harbour-system"
HARBOUR = Path(__file__).parent / "projects" / "harbour"
SYSTEM = "database-operator-system"
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}
WRITES = {"create", "update", "patch", "delete", "deletecollection"}
# What a description needs beside its operator; nothing here is about what is described.
DESCRIBED: dict[str, Any] = {
    "namespace": SYSTEM,
    "display_name": "Tried",
    "summary": "Tried",
    "description": "Tried.",
    "provider": Provider("Tests"),
    "icon": Icon(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "links": (),
    "maintainers": (Maintainer("Tests", "tests@example.com"),),
    "keywords": ("tests",),
    "categories": ("Database",),
    "capabilities": "Basic Install",
    "maturity": "alpha",
    "min_kube_version": "1.30.0",
    "repository": "https://example.com/tried",
    "image_base": "registry.example.com/tried",
}
KOPFKIT = [sys.executable, "-c", "from kopfkit.cli import main; main()"]


@dataclass
class Plane:
    """The control plane of these tests, with the example's CRD and rights."""

    control: ControlPlane
    api: Api
    directory: Path
    registry: Registry

    def events(self) -> list[Any]:
        """All that the audit log has."""
        lines = (self.directory / "audit.log").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def install(self, name: str) -> Any:
        """The module of an operator in operators/, with its CRDs and the rights that are derived
        of it on the control plane."""
        spec = importlib.util.spec_from_file_location(name, OPERATORS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        kopf.set_default_registry(kopf.OperatorRegistry())  # without another operator's handlers
        spec.loader.exec_module(module)
        project = derived.project(module.OPERATOR, **{**DESCRIBED, "samples": module.SAMPLES})
        for one in project.permissions:
            self.api.apply(rbac.role(project, one))
            self.api.apply(rbac.binding(project, one))
        for account in rbac.service_accounts(project):
            self.api.apply(account)
        for resource in getattr(module, "INSTALLED", project.resources):
            self.api.apply(custom_resource_definition(resource))
            path = f"/apis/{resource.group}/{resource.versions[0].name}/{resource.plural}"
            eventually(lambda path=path: self.api.exists(path))
        return module

    def apply(self, generated: Path, *folders: str) -> None:
        """What kopfkit has generated for a project, as `kubectl apply` would."""
        for folder in folders:
            for file in sorted((generated / "config" / folder).rglob("*.yaml")):
                for document in yamls.read_all(file):
                    if document and document["kind"] != "Kustomization":
                        self.api.apply(document)

    def kubeconfig(self, account: str, namespace: str = SYSTEM) -> tuple[Path, str]:
        """A kubeconfig with a fresh token of a service account, and its id."""
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        token = self.api.post(account, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
        claims = token.split(".")[1]
        jti = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"]
        config = yamls.read(self.control.kubeconfig)
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        path = self.directory / f"{jti}.kubeconfig"
        path.write_text(yamls.dump(config))
        return path, jti


# What is forbidden to those who have all rights: an API server that has not met a new kind yet
# cannot check an owner reference (`NotKnownYet`); and a test before leaves its namespace behind.
RIGHTFUL = ("cannot find RESTMapping", "because it is being terminated")


@dataclass
class Process:
    """One running operator process."""

    plane: Plane
    process: "subprocess.Popen[bytes]"
    log: Path
    jti: str
    read: list[str] = field(default_factory=list)

    def logs(self) -> str:
        """What it has logged."""
        return self.log.read_text()

    def faults(self) -> list[str]:
        """Log lines about missing rights, and tracebacks."""
        return [
            line
            for line in self.logs().splitlines()
            if ("orbidden" in line and not any(each in line for each in RIGHTFUL))
            or "Traceback" in line
        ]

    def says(self, text: str) -> None:
        """Wait until the log contains the text."""

        def look() -> bool:
            alive = self.process.poll() is None
            assert text in self.logs() or alive, self.logs()
            return text in self.logs()

        eventually(look)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def writes(self, namespace: str | None) -> list[str]:
        """What it wrote in a namespace (None: in none), in order, but for Leases and Events."""
        key, mine = "authentication.kubernetes.io/credential-id", f"JTI={self.jti}"
        found = []
        for event in self.plane.events():
            of, user = event.get("objectRef", {}), event["user"]
            if mine not in (user.get("extra") or {}).get(key, []) or event["verb"] not in WRITES:
                continue
            if of.get("namespace") == namespace and of["resource"] != "events":
                what = "/".join(filter(None, (of["resource"], of.get("subresource"))))
                found.append(f"{event['verb']} {what} {of.get('name', '')}".rstrip())
        return found


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with all that kopfkit generates of it."""
    return generate(EXAMPLE, tmp_path_factory.mktemp("databases"))


def generate(project: Path, place: Path) -> Path:
    """A copy of a project with all that kopfkit generates of it."""
    subprocess.run(["cp", "-r", f"{project}/.", place], check=True)
    for command in (["manifests"], ["bundle", "generate"], ["catalog", "generate"]):
        done = subprocess.run([*KOPFKIT, *command], cwd=place, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return place


@pytest.fixture(scope="package")
def plane(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane of its own, with an audit log."""
    try:
        toolchain.ensure(controlplane.TOOLS)
    except KopfkitError as error:
        pytest.skip(f"no control plane: {error}")
    directory = tmp_path_factory.mktemp("framework")
    policy = directory / "audit.yaml"
    policy.write_text(yamls.dump(POLICY))
    arguments = (
        f"--audit-policy-file={policy}",
        f"--audit-log-path={directory / 'audit.log'}",
        # As in OpenShift: who sets blockOwnerDeletion needs the right to the owner's finalizers.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
    )
    control = ControlPlane(directory / "plane", tied=True, api_server_args=arguments)
    registry = Registry()
    Thread(target=registry.server.serve_forever, daemon=True).start()
    try:
        control.start()
        with Api(control.kubeconfig) as api:
            api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
            made = Plane(control, api, directory, registry)
            made.apply(generated, "rbac", "crd")
            eventually(lambda: api.exists("/apis/data.example.com/v1/databases"))
            yield made
    finally:
        control.stop()
        registry.server.shutdown()
        registry.server.server_close()


@pytest.fixture
def registry(plane: Plane) -> Registry:
    """What is outside of the cluster."""
    return plane.registry


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


@pytest.fixture
def start(plane: Plane) -> Iterator[Callable[..., Process]]:
    """Starts operators, and ends them after the test."""
    running: list[Process] = []

    def new(
        *arguments: str, operator: str = "", project: Path | None = None, environment: Any = ()
    ) -> Process:
        """Start the example, an operator of operators/, or one that is generated: `project`."""
        account, system, place = operator or "database-operator", SYSTEM, EXAMPLE
        what = [str(OPERATORS / f"{operator}.py")] if operator else ["-m", "databases"]
        if project is not None:
            account, system, place = f"{project.name}-operator", f"{project.name}-system", project
            what = ["-m", project.name]
        path, jti = plane.kubeconfig(account, system)
        log = path.with_suffix(".log")
        environment = {**os.environ, **dict(environment)}
        environment |= {"KUBECONFIG": str(path), "POD_NAMESPACE": system}
        environment["REGISTRY"] = plane.registry.url
        others = os.environ.get("PYTHONPATH", "")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(place), others)))
        argv = [sys.executable, *what, "run", "--health-port=0", *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(argv, env=environment, stderr=output, stdout=output)
        running.append(Process(plane, process, log, jti))
        return running[-1]

    yield new
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait(60)


@pytest.fixture(scope="session")
def harbour_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("projects") / "harbour"
    place.mkdir()
    return generate(HARBOUR, place)


@pytest.fixture
def harbour(plane: Plane, harbour_project: Path) -> Path:
    """The project, with its CRDs and rights as they are installed."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HARBOUR_SYSTEM}}
    plane.api.apply(space)
    plane.apply(harbour_project, "rbac", "certificates")
    words = ("apply", "--server-side", "--force-conflicts", "--kustomize")
    Kubectl.at(plane.control.kubeconfig).run(*words, str(harbour_project / "config" / "crd"))
    for plural in ("docks", "cranes"):
        eventually(lambda plural=plural: plane.api.exists(f"/apis/{HARBOUR_GROUP}/v1/{plural}"))
    return harbour_project


@pytest.fixture
def run_local(plane: Plane, harbour: Path, tmp_path: Path) -> Iterator[Any]:
    """Starts `kopfkit run local` of the project."""
    state = {"KUBECONFIG": str(plane.control.kubeconfig), "KOPFKIT_STATE_DIR": str(tmp_path)}
    words = [*KOPFKIT, "run", "local", f"--webhook-port={ports.free(1)[0]}"]
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        env = {**os.environ, **state}
        with (tmp_path / "log").open("w") as log:
            started.append(
                subprocess.Popen(words, cwd=harbour, env=env, text=True, stdout=log, stderr=log)
            )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(120)
