"""The pytest plugin: fixtures for tests against a real API server, and the list of what a run left
out. Installed with `kopfkit-sdk[testing]`, pytest finds it by itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from kopfkit.testing import kind
from kopfkit.testing.skips import OPTION, SkipReport

# Every pytest run of a project with kopfkit imports this module: the cluster tools and their
# dependencies come in when a fixture asks for them.
if TYPE_CHECKING:
    from pathlib import Path

    from kopfkit.controlplane.controlplane import ControlPlane
    from kopfkit.testing.client import Api


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(OPTION, "fail a run with CI=true that skipped anything", "bool", default=True)
    parser.addini(kind.WORKERS, "nodes of the kind cluster besides its control plane", default="0")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SkipReport(config), "kopfkit-skips")
    # pytest-kind has a fixture of that name, which downloads a kind. Of two plugins, the one that
    # is registered later wins; the order of installed ones is that of a directory.
    config.pluginmanager.register(kind, "kopfkit-kind")


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[ControlPlane]":
    """A running control plane of this test session's own: etcd, kube-apiserver and
    kube-controller-manager on free ports. `.kubeconfig` is the path of an admin's kubeconfig,
    `.url` the API server. Ended with the session, even if pytest is killed.

    Tests that need it are skipped, with the reason, where the binaries can be neither found nor
    built.
    """
    from kopfkit.controlplane import controlplane
    from kopfkit.errors import KopfkitError
    from kopfkit.toolchain import toolchain

    try:
        toolchain.ensure(controlplane.TOOLS)
    except KopfkitError as error:
        pytest.skip(f"no control plane: {error}")
    plane = controlplane.ControlPlane(tmp_path_factory.mktemp("control-plane"), tied=True)
    try:
        yield plane.start()
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def _api(control_plane: "ControlPlane") -> "Iterator[Api]":
    from kopfkit.testing.client import Api

    with Api(control_plane.kubeconfig) as client:
        yield client


@pytest.fixture
def api(_api: "Api") -> "Api":
    """A raw API client for the control plane, with every right; its warnings start empty."""
    _api.warnings.clear()
    return _api


@pytest.fixture
def namespace(api: "Api") -> Iterator[str]:
    """The name of a namespace made for this test, with its default service account; deleted
    afterwards, without waiting."""
    from kopfkit.testing.waiting import eventually

    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}}
    name: str = api.post("/api/v1/namespaces", body)["metadata"]["name"]
    eventually(lambda: api.exists(f"/api/v1/namespaces/{name}/serviceaccounts/default"))
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def running_operator(
    control_plane: "ControlPlane", _api: "Api", tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Path]":
    """The operator of the checkout that pytest runs in, against the control plane, as `kopfkit run
    local` runs it: its CRDs are installed, and their conversion is served. Yields the path of its
    log. It ends with the session."""
    from kopfkit.testing import running

    with running.operator(control_plane, _api, tmp_path_factory.mktemp("operator")) as log:
        yield log
