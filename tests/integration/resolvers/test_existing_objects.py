"""OLM's catalog operator before it installs over objects that are there: its own check, asked.

It lists all objects in each version that is served and will be. An error of such a list keeps the
operator from being installed, whatever it is; what a schema refuses is a warning, where the new CRD
converts by a webhook.
"""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.host.progress import Progress

from .building import olm_catalog

SPEC = {"replicas": 2, "greeting": {"message": "Hi", "language": "en"}}
# Nobody listens there: the operator is not installed.
DEAD = {
    "strategy": "Webhook",
    "webhook": {
        "conversionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/convert"},
    },
}


@pytest.fixture(scope="module")
def asked(control_plane: Any) -> Callable[[Any], str]:
    """OLM's answer to a new CRD, "" where it installs it."""
    program = olm_catalog(Progress())

    def ask(wanted: Any) -> str:
        words = [str(program), str(control_plane.kubeconfig)]
        done = subprocess.run(
            words, input=json.dumps(wanted), capture_output=True, text=True, timeout=60
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout.strip()

    return ask


def test_olm_installs_over_objects_that_nothing_converts_and_not_over_a_dead_webhook(
    install: Any, asked: Callable[[Any], str], eventually: Any
) -> None:
    installed = install("olm-asks.example.com", storage="v1", conversion=DEAD)
    installed.make("v1", "rich", spec=SPEC).ok()
    wanted = installed.crd()
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{installed.resource.crd_name}"
    refused = eventually(lambda: asked(wanted), lambda answer: "conversion webhook" in answer)
    assert "connect: connection refused" in refused

    none = {"spec": {"conversion": {"strategy": "None", "webhook": None}}}
    installed.api("PATCH", path, none, Content_Type="application/merge-patch+json").ok()

    eventually(lambda: asked(wanted), lambda answer: answer == "")
    assert installed.get("v1", "rich")["spec"] == SPEC
