"""The fixture for tests on a real kind cluster with OLM and a registry."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kopfkit.host.state import ClusterState

# Names the cluster that tests use; without it they make one of their own, so that no test touches
# the cluster a person works with.
VARIABLE = "KOPFKIT_TEST_CLUSTER"
DEFAULT = "kopfkit-test"
# The ini option that says how many nodes such a cluster has besides its control plane.
WORKERS = "kopfkit_workers"


@pytest.fixture(scope="session")
def kind_cluster(request: pytest.FixtureRequest) -> "Iterator[ClusterState]":
    """A kind cluster with OLM and a registry of its own: `.kubeconfig`, `.registry`.

    A cluster that ran before the session is taken up and left running; one that was started for it
    is taken down at the end. The ini option `kopfkit_workers` says how many nodes one that is
    started gets besides its control plane. Tests that need it are skipped, with the reason, where
    kind cannot run.
    """
    from kopfkit.cluster import choice, manager
    from kopfkit.errors import KopfkitError
    from kopfkit.host import state

    name = os.environ.get(VARIABLE) or DEFAULT
    known = state.load(name)
    wanted = os.environ.get(choice.VARIABLE) or "auto"
    if wanted not in ("kind", "auto"):
        pytest.skip(f"no kind cluster: {choice.VARIABLE}={wanted} asks for another one")
    workers = 0 if known and known.ready else int(request.config.getini(WORKERS))
    with _shown(request):
        try:
            cluster = manager.up(kind="kind", olm=True, name=name, workers=workers)
        except KopfkitError as error:
            pytest.skip(f"no kind cluster: {error}")
    yield cluster
    if known is None or not known.ready:
        with _shown(request):
            manager.down(name)


def _shown(request: pytest.FixtureRequest) -> AbstractContextManager[None]:
    """What a person who waits for minutes shall see: nothing is captured."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    shown: AbstractContextManager[None] = (
        capture.global_and_fixture_disabled() if capture else nullcontext()
    )
    return shown
