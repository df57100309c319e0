"""The pods' network on node images made here: one bridge per node, and a route to each other node.

The public node image brings kindnet for this. Each node has the pod subnet that the controller
manager gave it; a packet to another node's subnet goes through that node's address.

And no packet to a Service leaves the nodes. Until kube-proxy has heard of a Service, its address is
like any other, and on a network where something answers for every address, the API server's
connection to an aggregated API ends there and is kept: OLM's package server then "answered" 404 for
ever.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from kopfkit.docker.engine import Engine
from kopfkit.errors import KopfkitError

# kind's default for IPv4.
SERVICES = "10.96.0.0/16"
_TARGET = "/etc/cni/net.d/10-kopfkit.conflist"
# Seconds until the controller manager has given each node its subnet: 3 on two idle cores.
_SUBNET_TIMEOUT = 60.0
_KUBECTL = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")


def give(engine: Engine, nodes: Mapping[str, bool]) -> None:
    """Write the network's configuration onto the nodes, and set their routes; again is fine, and
    needed after a node was started anew.

    Args:
        engine: where the nodes run.
        nodes: the nodes' names, and whether each one is a control plane. All must run.

    Raises:
        KopfkitError: the nodes have no pod subnet in time.
    """
    control_plane = next(name for name, first in nodes.items() if first)
    places = _places(engine, control_plane, set(nodes))
    for name, (_, subnet) in places.items():
        command = f"mkdir -p /etc/cni/net.d && cat > {_TARGET}"
        # What kube-proxy knows has a pod's address when it comes to this table.
        for rule in (f"{chain} -d {SERVICES} -j REJECT" for chain in ("OUTPUT", "FORWARD")):
            command += f" && {{ iptables -C {rule} 2>/dev/null || iptables -A {rule}; }}"
        for other, (address, their_subnet) in places.items():
            if other != name:
                command += f" && ip route replace {their_subnet} via {address}"
        words = ("exec", "--interactive", name, "sh", "-c", command)
        engine.docker(*words, input=json.dumps(cni(subnet)))


def cni(subnet: str) -> dict[str, Any]:
    """A CNI configuration list: one bridge, addresses from `subnet`, host ports."""
    return {
        "cniVersion": "0.4.0",
        "name": "kopfkit",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": True,
                # A pod may be behind the Service that it calls.
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": subnet}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _places(engine: Engine, control_plane: str, wanted: set[str]) -> dict[str, tuple[str, str]]:
    """Node name -> (its address, its pod subnet)."""
    deadline = time.monotonic() + _SUBNET_TIMEOUT
    words = ("exec", control_plane, *_KUBECTL, "get", "nodes", "--output=json")
    while True:
        found = {}
        for node in json.loads(engine.docker(*words))["items"]:
            addresses = {a["type"]: a["address"] for a in node["status"].get("addresses", [])}
            subnet = node["spec"].get("podCIDR")
            if subnet and "InternalIP" in addresses:
                found[node["metadata"]["name"]] = (addresses["InternalIP"], subnet)
        if wanted <= set(found):
            return found
        if time.monotonic() > deadline:
            missing = ", ".join(sorted(wanted - set(found)))
            raise KopfkitError(f"node {missing}", "got no subnet for its pods")
        time.sleep(0.5)
