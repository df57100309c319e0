"""Whether a Service leads to the pods."""

from typing import Any

import pytest

from kopfkit.controller import misdirected, port_to

LABELS, TARGETS = {"app": "x"}, ("http", 8080)


def service(*ports: dict[str, Any], **spec: Any) -> Any:
    return {"metadata": {"name": "x"}, "spec": {"selector": LABELS, "ports": list(ports), **spec}}


HTTP = {"port": 80, "targetPort": "http"}


@pytest.mark.parametrize(
    ("found", "port", "sentence"),
    [
        (service(HTTP), 80, ""),
        (service(HTTP), None, ""),
        (service({"port": 80, "targetPort": 8080, "protocol": "TCP"}), 80, ""),
        (service({**HTTP, "protocol": "UDP"}, {"port": 81, "targetPort": 8080}), 81, ""),
        (service({**HTTP, "protocol": "UDP"}), 80, "Service x has no port 80/TCP"),
        (service(HTTP), 81, "Service x has no port 81/TCP"),
        (
            service({"port": 80, "targetPort": 9}),
            80,
            "port 80 of Service x leads to another port of the pods",
        ),
        (service({"port": 80}), None, "no port of Service x leads to the pods"),
        (service(HTTP, selector={"app": "y"}), 80, "Service x selects other pods"),
        (
            service(HTTP, type="ExternalName"),
            80,
            "Service x is of type ExternalName: it does not lead to the pods",
        ),
        (
            service(HTTP, internalTrafficPolicy="Local"),
            80,
            "Service x answers only on the nodes of its pods (internalTrafficPolicy Local)",
        ),
        (service(HTTP, internalTrafficPolicy="Cluster", clusterIP="10.0.0.1"), 80, ""),
        (
            service(HTTP, clusterIP="None"),
            80,
            "Service x is headless, and its pods do not listen on port 80: delete it, and it is "
            "made again",
        ),
        (service({"port": 8080, "targetPort": "http"}, clusterIP="None"), 8080, ""),
    ],
)
def test_why_a_service_leads_elsewhere_is_told(found: Any, port: int | None, sentence: str) -> None:
    assert misdirected(found, LABELS, TARGETS, port) == sentence


def test_a_service_for_clients_on_the_pods_nodes_is_known() -> None:
    found = service(HTTP, internalTrafficPolicy="Local")
    assert misdirected(found, LABELS, TARGETS, 80, local=True) == ""


def test_the_port_that_leads_to_the_pods_is_found() -> None:
    assert port_to(service({"port": 1, "targetPort": 9}, HTTP), TARGETS) == 80
    assert port_to(service(), TARGETS) == port_to(None, TARGETS) == 0
