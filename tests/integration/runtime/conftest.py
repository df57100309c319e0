"""The run-time client as administrator of a real API server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client
from kopfkit.testing.client import Api


@pytest.fixture
async def client(control_plane: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """A client with every right."""
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    made = Client(credentials.load, manager="tester")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def thing(api: Api, namespace: str) -> Any:
    """An object to talk about."""
    return api.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "thing", "namespace": namespace},
        }
    )
