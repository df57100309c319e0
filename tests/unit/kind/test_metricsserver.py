"""metrics-server's objects fit together."""

from typing import Any

from kopfkit.kind import metricsserver


def _one(kind: str) -> Any:
    [found] = [obj for obj in metricsserver.objects("registry/it:1") if obj["kind"] == kind]
    return found


def test_the_api_server_is_led_to_its_pod() -> None:
    spec = _one("Deployment")["spec"]["template"]
    [container] = spec["spec"]["containers"]
    service = _one("Service")
    assert _one("APIService")["spec"]["service"] == {
        "name": service["metadata"]["name"],
        "namespace": service["metadata"]["namespace"],
    }
    assert service["spec"]["selector"].items() <= spec["metadata"]["labels"].items()
    [port] = service["spec"]["ports"]
    assert f"--secure-port={port['targetPort']}" in container["args"]
    assert container["image"] == "registry/it:1"


def test_each_role_is_bound_to_its_account() -> None:
    account = _one("ServiceAccount")["metadata"]
    for obj in metricsserver.objects("x"):
        if obj["kind"].endswith("Binding"):
            [subject] = obj["subjects"]
            assert (subject["name"], subject["namespace"]) == (
                account["name"],
                account["namespace"],
            )
