"""The two conversion webhooks that are compared, each with the same certificate.

Both run as in a pod: ours with metrics and probes, the peer on controller-runtime with the metrics
that its server always counts.
"""

import base64
import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import peerbuild, reviews, sites
from bench.operators import HERE, ROOT, Operator, Running, bare_python
from bench.reviews import Client
from kopfkit import pki
from kopfkit.errors import KopfkitError
from kopfkit.host import ports
from kopfkit.host.progress import Progress

NAMES: Final = ("ours", "go")
# Seconds until a webhook must answer.
_START: Final = 60.0


@dataclass(frozen=True)
class Certificates:
    """tls.crt and tls.key for 127.0.0.1 in a directory, and the ca.crt that signed them."""

    directory: Path

    @classmethod
    def make(cls, directory: Path) -> "Certificates":
        """New ones."""
        directory.mkdir()
        now = datetime.now(UTC)
        ca = pki.make_ca("benchmark", now=now)
        pair = pki.make_serving_cert(ca, ["localhost"], ["127.0.0.1"], now=now)
        for name, text in (
            ("tls.crt", pair.certificate),
            ("tls.key", pair.key),
            ("ca.crt", ca.certificate),
        ):
            (directory / name).write_bytes(text)
        return cls(directory)

    @property
    def ca(self) -> Path:
        """The CA's certificate."""
        return self.directory / "ca.crt"


@dataclass
class Webhook:
    """A webhook that answers. `process` tells its processor time and memory."""

    name: str
    process: Running
    port: int
    certificates: Certificates

    def client(self) -> Client:
        """A client with a connection of its own."""
        return Client(self.port, self.certificates.ca)

    def conversion(self) -> dict[str, Any]:
        """What a CRD says in spec.conversion to be converted by it."""
        client = {
            "url": f"https://127.0.0.1:{self.port}/convert",
            "caBundle": base64.b64encode(self.certificates.ca.read_bytes()).decode(),
        }
        webhook = {"conversionReviewVersions": ["v1"], "clientConfig": client}
        return {"strategy": "Webhook", "webhook": webhook}


@contextlib.contextmanager
def running(
    name: str, work: Path, certificates: Certificates, progress: Progress
) -> Iterator[Webhook]:
    """The webhook `name`, which ends with the block.

    Raises:
        KopfkitError: it cannot be built, or does not answer.
    """
    port = ports.free(1)[0]
    operator = _MAKERS[name](port, certificates.directory, work, progress)
    # A kubeconfig that is not there: a conversion needs nobody else.
    process = Running(operator, work / "none.kubeconfig", work / f"webhook-{name}.log")
    try:
        made = Webhook(name, process, port, certificates)
        _until_answered(made)
        yield made
    finally:
        process.stop()


def compare(webhooks: Sequence[Webhook]) -> None:
    """Both must make the same of an object, apart from the form of the annotation, and give the
    object back unchanged, or nothing else can be compared.

    Raises:
        KopfkitError: they do not.
    """
    wanted = [reviews.stored(0)]
    made = []
    for webhook in webhooks:
        with webhook.client() as client:
            old = client.convert(wanted, reviews.OLD)
            made.append([reviews.without_annotation(one) for one in old])
            if client.convert(old, reviews.NEW) != wanted:
                raise KopfkitError(f"webhook {webhook.name}", "loses part of an object")
    if any(each != made[0] for each in made):
        raise KopfkitError(
            "webhooks",
            "do not make the same object",
            "Bring benchmarks/go/webhook up to the operator.",
        )


def _until_answered(webhook: Webhook) -> None:
    deadline = time.monotonic() + _START
    while True:
        webhook.process.check()
        try:
            with webhook.client() as client:
                client.convert([reviews.stored(0)], reviews.OLD)
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise KopfkitError(
                    f"webhook {webhook.name}", f"does not answer: {error}"
                ) from error
        time.sleep(0.05)


def _ours(port: int, certificates: Path, work: Path, progress: Progress) -> Operator:
    site = work / "webhook-site"
    if not site.exists():
        own = ["helloworld-operator", "kopfkit"]
        sites.link(site, own, without=own)
    path = os.pathsep.join(map(str, (ROOT / "operator", ROOT / "kopfkit" / "src", site)))
    python = bare_python(work)

    def argv() -> Sequence[str]:
        health, metrics = ports.free(2)
        command = [str(python), "-m", "helloworld_operator", "webhook"]
        flags = [f"--cert-dir={certificates}", f"--port={port}", f"--health-port={health}"]
        return [*command, *flags, f"--metrics-port={metrics}"]

    return Operator("ours", "ours", argv, {"PYTHONPATH": path})


def _go(port: int, certificates: Path, work: Path, progress: Progress) -> Operator:
    executable = peerbuild.go("webhook", HERE / "go", progress)
    argv = [str(executable), f"--cert-dir={certificates}", f"--port={port}"]
    return Operator("go", "controller-runtime", lambda: argv)


_MAKERS: Final = {"ours": _ours, "go": _go}
