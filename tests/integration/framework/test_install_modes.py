"""An operator that watches some namespaces, with the Roles that are generated for them and no
other rights: the audit log says what it asked for."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain

from .conftest import EXAMPLE, KOPFKIT, Plane, Process

NAME, SYSTEM = "limited-operator", "limited-operator-system"
# Where the example ends; it is given another name and install modes.
OLD, NEW = (
    'Operator("database-operator", "0.1.0", [DATABASES.owns(STATEFUL_SETS).owns(SERVICES)])',
    f'Operator("{NAME}", "0.1.0", [DATABASES.owns(STATEFUL_SETS).owns(SERVICES)], '
    'install_modes=("OwnNamespace", "SingleNamespace", "MultiNamespace"))',
)
Object = dict[str, Any]


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as an operator that never watches all namespaces, with all that is generated."""
    place = tmp_path_factory.mktemp("limited") / "databases"
    shutil.copytree(EXAMPLE, place, ignore=shutil.ignore_patterns("__pycache__"))
    code = place / "databases" / "operator.py"
    text = code.read_text()
    assert text.count(OLD) == 1
    code.write_text(text.replace(OLD, NEW))
    history = place / "catalog" / "releases.yaml"
    history.write_text(history.read_text().replace("database-operator", NAME))
    for words in (["manifests"], ["chart", "generate"]):
        done = subprocess.run([*KOPFKIT, *words], cwd=place, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture
def system(plane: Plane) -> Iterator[str]:
    """The operator's namespace, and no right of an earlier test."""
    api = plane.api
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    yield SYSTEM
    for kind in ("rolebindings", "roles"):
        for one in api.get(f"/apis/rbac.authorization.k8s.io/v1/{kind}")["items"]:
            if one["metadata"]["name"].startswith(NAME):
                meta = one["metadata"]
                base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{meta['namespace']}"
                api.delete(f"{base}/{kind}/{meta['name']}")


@pytest.fixture
def run(plane: Plane, limited: Path, system: str) -> Iterator[Callable[[list[Object]], Process]]:
    """Installs what objects say of accounts and rights, and runs the operator as the Deployment
    among them says."""
    started: list[Process] = []

    def install(objects: list[Object]) -> Process:
        for one in objects:
            if one["kind"] in ("ServiceAccount", "Role", "RoleBinding", "ClusterRole"):
                plane.api.apply(one)
            # None for the operator; those for its users are bound to nobody.
            assert one["kind"] != "ClusterRoleBinding"
        (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        said = {one["name"]: one.get("value", "") for one in container["env"]}
        watched = said["WATCH_NAMESPACE"].replace("$(POD_NAMESPACE)", SYSTEM)
        kubeconfig, jti = plane.kubeconfig(NAME, SYSTEM)
        log = kubeconfig.with_suffix(".log")
        environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "POD_NAMESPACE": SYSTEM,
            "WATCH_NAMESPACE": watched,
            "REGISTRY": plane.registry.url,
            "PYTHONPATH": os.pathsep.join([str(limited), os.environ.get("PYTHONPATH", "")]),
        }
        argv = [sys.executable, "-m", "databases", "run", "--health-port=0", "--metrics-port=0"]
        with log.open("wb") as output:
            process = subprocess.Popen(argv, env=environment, stdout=output, stderr=output)
        started.append(Process(plane, process, log, jti))
        return started[-1]

    yield install
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(60)


def database(api: Api, namespace: str) -> str:
    """The path of a new Database."""
    path = f"/apis/data.example.com/v1/namespaces/{namespace}/databases"
    kind = {"apiVersion": "data.example.com/v1", "kind": "Database"}
    api.post(path, {**kind, "metadata": {"name": "orders"}, "spec": {"hostName": namespace}})
    return f"{path}/orders"


def registered(api: Api, path: str) -> None:
    eventually(lambda: api.get(path).get("status", {}).get("hostName"))


def asked(process: Process) -> list[Object]:
    """What the process asked the API server for."""
    key, mine = "authentication.kubernetes.io/credential-id", f"JTI={process.jti}"
    return [
        event
        for event in process.plane.events()
        if mine in (event["user"].get("extra") or {}).get(key, [])
    ]


def used_only(process: Process, *namespaces: str) -> None:
    """Nothing was forbidden, and nothing asked for outside of these namespaces but discovery."""
    events = asked(process)
    assert events
    refused = [
        (event["verb"], event["requestURI"])
        for event in events
        if event.get("responseStatus", {}).get("code") in (401, 403)
    ]
    assert refused == []
    places = {event["objectRef"].get("namespace") for event in events if "objectRef" in event}
    assert places == {*namespaces}
    assert process.faults() == []


def test_in_its_own_namespace_it_needs_the_roles_of_config_default_and_no_more(
    run: Callable[[list[Object]], Process], limited: Path, plane: Plane, namespace: str
) -> None:
    api = plane.api
    kubectl = str(toolchain.tool("kubectl"))
    text = subprocess.run(
        [kubectl, "kustomize", str(limited / "config/default")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    process = run(yamls.load_all(text))
    other, own = database(api, namespace), database(api, SYSTEM)
    try:
        registered(api, own)
        assert api.exists(f"/apis/apps/v1/namespaces/{SYSTEM}/statefulsets/orders")
        api.delete(own)
        eventually(lambda: not api.exists(own))
        assert "status" not in api.get(other)
        assert process.stop() == 0, process.logs()
        used_only(process, SYSTEM)
    finally:
        api.delete(other)


def test_in_several_namespaces_it_needs_the_roles_that_the_chart_puts_there(
    run: Callable[[list[Object]], Process], limited: Path, plane: Plane, tmp_path: Path
) -> None:
    api = plane.api
    names = ["team-a", "team-b", "team-c"]
    for name in names:
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    text = subprocess.run(
        [
            str(toolchain.tool("helm")),
            *("template", NAME, str(limited / "chart"), f"--namespace={SYSTEM}"),
            "--set=watchNamespaces={team-a,team-b},commonLabels.of=everybody",
        ],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    process = run([one for one in yamls.load_all(text) if one])
    paths = [database(api, name) for name in names]
    for path in paths[:2]:
        registered(api, path)
    for path in paths[:2]:
        api.delete(path)
        eventually(lambda path=path: not api.exists(path))
    assert "status" not in api.get(paths[2])
    assert process.stop() == 0, process.logs()
    used_only(process, SYSTEM, "team-a", "team-b")
    api.delete(paths[2])
