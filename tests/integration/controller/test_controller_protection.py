"""The leader keeps the policy there that keeps the CRD's conversion."""

from collections.abc import Iterator
from typing import Any

import pytest

from kopfkit.runtime.olm.protection import BINDINGS, POLICIES, policy_name
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

CRD = "helloworlds.test.jiaozi.com"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POLICY = POLICIES.path(None, policy_name(CRD))
BINDING = BINDINGS.path(None, policy_name(CRD))


@pytest.fixture
def converting(api: Api) -> Iterator[None]:
    """The CRD with a webhook, which nobody needs here: v1 is stored and v1 is read."""
    client = {"url": "https://127.0.0.1:1/convert"}
    webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
    conversion = {"strategy": "Webhook", "webhook": webhook}
    api.patch(f"{CRDS}/{CRD}", {"spec": {"conversion": conversion}})
    yield
    for path in (BINDING, POLICY):
        if api.exists(path):
            api.delete(path)
    none = {"spec": {"conversion": {"strategy": "None", "webhook": None}}}

    def ended() -> bool:
        api.patch(f"{CRDS}/{CRD}", none)
        return True

    eventually(ended)


def test_the_leader_makes_the_policy_and_puts_it_right(
    converting: None, start: Any, api: Api
) -> None:
    first = start()
    eventually(lambda: api.exists(BINDING))
    # A look that finds all as it should be writes nothing.
    assert first.stop() == 0
    second = start()
    second.says("Became leader")
    eventually(lambda: [each for each in second.requests() if each["requestURI"] == BINDING])
    assert second.stop() == 0
    assert [each for each in second.writes() if "validatingadmission" in each] == []
    # And what somebody loosened is put right.
    api.patch(BINDING, {"spec": {"validationActions": ["Audit"]}})
    api.patch(POLICY, {"spec": {"failurePolicy": "Ignore"}})

    start()

    eventually(lambda: api.get(BINDING)["spec"]["validationActions"] == ["Deny"])
    assert api.get(POLICY)["spec"]["failurePolicy"] == "Fail"
