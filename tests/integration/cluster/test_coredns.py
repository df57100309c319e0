"""CoreDNS as it is built here takes a cluster's Corefile and answers for a Service."""

import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.host import ports, process
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain

# kubeadm's, with ports and a kubeconfig of the test's; nothing answers at the upstream.
COREFILE = """
.:{dns} {{
    errors
    health 127.0.0.1:{health} {{
       lameduck 1s
    }}
    ready 127.0.0.1:{ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
       kubeconfig {kubeconfig}
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus 127.0.0.1:{metrics}
    forward . 127.0.0.1:{upstream} {{
       max_concurrent 1000
    }}
    cache 30 {{
       disable success cluster.local
       disable denial cluster.local
    }}
    loop
    reload
    loadbalance
}}
"""


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port that CoreDNS answers on."""
    names = ("dns", "health", "ready", "metrics", "upstream")
    chosen = dict(zip(names, ports.free(len(names)), strict=True))
    file = tmp_path_factory.mktemp("coredns") / "Corefile"
    file.write_text(COREFILE.format(kubeconfig=control_plane.kubeconfig, **chosen))
    log = file.with_name("log")
    with log.open("wb") as output:
        child = subprocess.Popen(
            [toolchain.pinned("coredns"), "-conf", file], stdout=output, stderr=output
        )
    try:
        # Nothing listens before the cache of the API's objects is filled.
        eventually(lambda: _query(chosen["dns"], "kubernetes.default.svc.cluster.local"))
        yield chosen["dns"]
    except BaseException as error:
        error.add_note(log.read_text())
        raise
    finally:
        child.terminate()
        child.wait(timeout=60)


def _query(port: int, name: str) -> list[str]:
    """The IPv4 addresses that a DNS server has for `name` (RFC 1035); none while it is not up."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(("127.0.0.1", port))
        try:
            client.send(struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + question)
            answer = client.recv(4096)
        except OSError:
            return []
    count = struct.unpack("!H", answer[6:8])[0]
    rest, found = answer[12 + len(question) :], []
    for _ in range(count):
        # CoreDNS writes the name again, or a pointer of two bytes to where it stands.
        rest = rest[2:] if rest[0] >= 0xC0 else rest[rest.index(b"\0") + 1 :]
        size = struct.unpack("!H", rest[8:10])[0]
        found.append(socket.inet_ntoa(rest[10 : 10 + size]))
        rest = rest[10 + size :]
    return found


def test_a_service_has_its_address(server: int, control_plane: ControlPlane) -> None:
    with Api(control_plane.kubeconfig) as api:
        service = api.get("/api/v1/namespaces/default/services/kubernetes")
    name = "kubernetes.default.svc.cluster.local"
    assert _query(server, name) == [service["spec"]["clusterIP"]]
    assert _query(server, "nothing.default.svc.cluster.local") == []


def test_it_tells_the_version_of_the_module() -> None:
    told = process.run([toolchain.pinned("coredns"), "-version"])
    assert toolchain.version("coredns").lstrip("v") in told


def test_a_plugin_that_it_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "Corefile").write_text(".:0 {\n  route53\n}\n")
    with pytest.raises(process.CommandFailed, match="route53"):
        process.run([toolchain.pinned("coredns"), "-conf", tmp_path / "Corefile"], timeout=20)
