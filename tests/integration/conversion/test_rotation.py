"""Certificate and CA change under a hundred calls a second, and nobody notices.

Each call goes through the version that is not stored, so each needs the webhook. The certificate
comes as the kubelet brings it, by a swapped symlink; the CA as every rotation without an outage
has to go: the CRD trusts both, the certificate changes, the CRD trusts the new one only. The
process is the same one from the first call to the last.
"""

import asyncio
import itertools
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from kopfkit import pki

from .conftest import Process, conversion
from .load import Load

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
# How often both are changed. The long run sets it higher.
ROTATIONS = int(os.environ.get("KOPFKIT_ROTATIONS", "3"))
# Calls between two changes, and so about a second.
CALLS = 100
OBJECTS = 20
_numbers = itertools.count()
SPEC = {
    "replicas": 3,
    "greeting": {"message": "你好", "language": "zh-Hans"},
    "service": {"type": "NodePort", "port": 8080},
}
OLD_SPEC = {"size": 3, "message": "你好"}


def authority(name: str) -> pki.KeyPair:
    return pki.make_ca(name, now=datetime.now(UTC))


def signed_by(ca: pki.KeyPair) -> pki.KeyPair:
    return pki.make_serving_cert(ca, ["localhost"], ["127.0.0.1"], now=datetime.now(UTC))


def client_of(plane: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=plane.certificates / "ca.crt")
    context.load_cert_chain(plane.certificates / "admin.crt", plane.certificates / "admin.key")
    return context


class Cluster:
    """A CRD whose webhook is a process, and the two things that rotate."""

    def __init__(self, installed: Any, process: Process, eventually: Callable[..., Any]) -> None:
        self.installed = installed
        self.process = process
        self._eventually = eventually

    async def trust(self, *authorities: pki.KeyPair) -> None:
        """Let the CRD trust these CAs only, and wait until the API server does.

        It hears of its CRDs some time after they are stored. A column that changes with the
        authorities shows that it has.
        """
        bundle = [ca.certificate for ca in authorities]
        column = f"Trust {next(_numbers)}"

        def put() -> Any:
            crd = self.installed.crd()
            crd["spec"]["conversion"] = conversion(self.process.port, *bundle)
            for version in crd["spec"]["versions"]:
                version["additionalPrinterColumns"] = [
                    {"name": column, "type": "integer", "jsonPath": ".metadata.generation"}
                ]
            return self.installed.api("PUT", f"{CRDS}/{crd['metadata']['name']}", crd)

        def columns() -> list[str]:
            table = self.installed.api("GET", self.installed.path("v1"), Accept=TABLE)
            return [one["name"] for one in table.body.get("columnDefinitions", [])]

        await asyncio.to_thread(self._eventually, put, lambda answer: answer.status == 200)
        await asyncio.to_thread(self._eventually, columns, lambda names: column in names)

    async def serve_with(self, ca: pki.KeyPair) -> None:
        """Mount a certificate of this CA, and wait until the process uses it."""
        await asyncio.to_thread(self.process.mount, signed_by(ca))
        await asyncio.to_thread(self._eventually, self.process.in_use, bool)


@pytest.fixture
def cluster(install: Any, webhook_process: Any, eventually: Any) -> tuple[Cluster, pki.KeyPair]:
    group = f"rotation-{next(_numbers)}.example.com"
    ca = authority("first")
    process = webhook_process(group, signed_by(ca))
    installed = install(group, conversion=conversion(process.port, ca.certificate), storage="v1")
    eventually(lambda: installed.make("v1", "hello-0", spec=SPEC), lambda made: made.status == 201)
    for number in range(1, OBJECTS):
        installed.make("v1", f"hello-{number}", spec=SPEC).ok()
    eventually(
        lambda: installed.api("GET", installed.path("v1alpha1", "hello-0")).status,
        lambda status: status == 200,
    )
    return Cluster(installed, process, eventually), ca


async def test_certificate_and_ca_change_under_load_without_a_failed_call(
    cluster: tuple[Cluster, pki.KeyPair],
    control_plane: Any,
    record_property: Callable[[str, object], None],
) -> None:
    place, ca = cluster
    installed = place.installed
    paths = {installed.path("v1alpha1", f"hello-{n}"): OLD_SPEC for n in range(OBJECTS)}
    async with Load(control_plane.url, client_of(control_plane), paths) as load:
        await load.more(CALLS)
        for number in range(ROTATIONS):
            await place.serve_with(ca)  # the same CA, another certificate
            await load.more(CALLS)
            new = authority(f"number {number}")
            await place.trust(ca, new)
            await load.more(CALLS)
            await place.serve_with(new)
            await load.more(CALLS)
            await place.trust(new)
            await load.more(CALLS)
            ca = new
    assert load.failures == []
    assert place.process.popen.poll() is None
    log = place.process.log.read_text()
    assert "Traceback" not in log
    for name, value in (("calls", load.calls), ("answered 429", load.retried)):
        record_property(name, value)
    print(f"\n{ROTATIONS} rotations, {load.calls} calls {dict(load.kinds)}, 429: {load.retried}")


async def test_a_certificate_nobody_trusts_is_seen_by_these_clients(
    cluster: tuple[Cluster, pki.KeyPair], control_plane: Any
) -> None:
    """So that the test above can fail: the CA changes before the certificate does."""
    place, _ = cluster
    paths = {place.installed.path("v1alpha1", f"hello-{n}"): OLD_SPEC for n in range(OBJECTS)}
    new = authority("too early")
    async with Load(control_plane.url, client_of(control_plane), paths) as load:
        await place.trust(new)
        async with asyncio.timeout(60):
            while not any("x509" in failure for failure in load.failures):
                await load.more(1)
        await place.serve_with(new)
        async with asyncio.timeout(60):
            while True:  # and it is well again without anybody's doing
                before = len(load.failures)
                await load.more(CALLS)
                if len(load.failures) == before:
                    break
