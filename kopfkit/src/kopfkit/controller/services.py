"""Whether a Service leads to the pods that it is there for: somebody may have changed it. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from kopfkit.controller.owners import dig, items

Raw = Mapping[str, Any]


def port_to(service: Raw | None, targets: Collection[str | int]) -> int:
    """The TCP port of a Service that leads to one of the pods' ports, 0 where there is none.

    Args:
        service: as read; None where there is none.
        targets: of the pods' port, the name and the number.
    """
    for each in items(dig(service, "spec", "ports")):
        if each.get("protocol", "TCP") == "TCP" and each.get("targetPort") in targets:
            return int(each.get("port", 0))
    return 0


def misdirected(
    service: Raw | None,
    selector: Raw,
    targets: Collection[str | int],
    port: int | None,
    *,
    local: bool = False,
) -> str:
    """Why a Service does not lead to pods at a port, as a sentence; "" where it does.

    Args:
        service: as read.
        selector: the labels of the pods.
        targets: of the pods' port, the name and the number.
        port: of the Service; None for any.
        local: whether it is meant for clients on the pods' own nodes only
            (`internalTrafficPolicy: Local`).
    """
    name = dig(service, "metadata", "name")
    if dig(service, "spec", "type") == "ExternalName":
        return f"Service {name} is of type ExternalName: it does not lead to the pods"
    if dig(service, "spec", "selector") != selector:
        return f"Service {name} selects other pods"
    if dig(service, "spec", "internalTrafficPolicy") == "Local" and not local:
        return f"Service {name} answers only on the nodes of its pods (internalTrafficPolicy Local)"
    if port is None:
        port = port_to(service, targets)
        if not port:
            return f"no port of Service {name} leads to the pods"
    for each in items(dig(service, "spec", "ports")):
        if each.get("port") == port and each.get("protocol", "TCP") == "TCP":
            if dig(service, "spec", "clusterIP") == "None" and port not in targets:
                # Its name means the pods themselves, and nobody translates a port.
                return (
                    f"Service {name} is headless, and its pods do not listen on port {port}: "
                    "delete it, and it is made again"
                )
            if each.get("targetPort") in targets:
                return ""
            return f"port {port} of Service {name} leads to another port of the pods"
    return f"Service {name} has no port {port}/TCP"
