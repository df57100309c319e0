"""The conversion server beside a real API server: in a thread where its answers matter, as a
process of its own where its certificates, its memory and its speed do."""

import asyncio
import base64
import contextlib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.api.conversion import converter
from kopfkit import pki
from kopfkit.conversion import serve
from kopfkit.host import ports
from kopfkit.testing.waiting import eventually

# The operator's converter under a group of the test's own.
SERVE = """
import asyncio, logging, sys
from pathlib import Path
from helloworld_operator.api.conversion import converter
from kopfkit.conversion import serve
from kopfkit.repeats import Repeats
handler = logging.StreamHandler()
handler.addFilter(Repeats())
logging.basicConfig(handlers=[handler], level=logging.WARNING, format="%(message)s")
group, directory, port, health_port = sys.argv[1:]
asyncio.run(serve(converter(group), cert_dir=Path(directory), port=int(port),
                  health_port=int(health_port), stop=asyncio.Event(), host="127.0.0.1"))
"""


@dataclass(frozen=True)
class Webhook:
    """A running conversion server and what a CRD says to reach it."""

    conversion: dict[str, Any]


def conversion(port: int, *authorities: bytes) -> dict[str, Any]:
    """spec.conversion of a CRD whose webhook is on this machine; PEM of what it trusts."""
    client = {
        "url": f"https://127.0.0.1:{port}/convert",
        "caBundle": base64.b64encode(b"".join(authorities)).decode(),
    }
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": client}
    return {"strategy": "Webhook", "webhook": webhook}


@pytest.fixture(scope="module")
def start_webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Webhook]]:
    """Start the real server for HelloWorld in a group; it ends with the module."""
    running: list[tuple[threading.Thread, Callable[[], None]]] = []

    def start(group: str) -> Webhook:
        now = datetime.now(UTC)
        ca = pki.make_ca("test", now=now)
        pair = pki.make_serving_cert(ca, ["localhost"], ["127.0.0.1"], now=now)
        cert_dir = tmp_path_factory.mktemp("certificates")
        (cert_dir / "tls.crt").write_bytes(pair.certificate)
        (cert_dir / "tls.key").write_bytes(pair.key)
        (port,) = ports.free(1)
        running.append(in_thread(group, cert_dir, port))
        eventually(lambda: accepts(port))
        return Webhook(conversion(port, ca.certificate))

    yield start
    for _, stop in running:
        stop()
    for thread, _ in running:
        thread.join()


def accepts(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def in_thread(group: str, cert_dir: Path, port: int) -> tuple[threading.Thread, Callable[[], None]]:
    """The server in a thread of its own, and what stops it."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()  # belongs to the loop that first waits for it

    def run() -> None:
        server = serve(
            converter(group),
            cert_dir=cert_dir,
            port=port,
            health_port=0,
            stop=stop,
            host="127.0.0.1",
        )
        loop.run_until_complete(server)
        # The API server closes its side of each TLS connection once it has seen ours.
        loop.run_until_complete(asyncio.sleep(1))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    # A daemon: after a Ctrl-C nothing waits for it.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)

    return thread, end


@dataclass
class Process:
    """The server as a process, its certificates mounted as the kubelet mounts a Secret."""

    directory: Path
    port: int
    health_port: int
    popen: subprocess.Popen[bytes]
    log: Path
    pair: pki.KeyPair
    _numbers: Iterator[int]

    def mount(self, pair: pki.KeyPair) -> None:
        """Swap the mounted Secret for one with this pair, in one step."""
        fresh = self.directory / f"..{next(self._numbers)}"
        fresh.mkdir()
        (fresh / "tls.crt").write_bytes(pair.certificate)
        (fresh / "tls.key").write_bytes(pair.key)
        link = self.directory / "..data_tmp"
        link.symlink_to(fresh.name)
        link.rename(self.directory / "..data")
        self.pair = pair

    def presented(self) -> bytes:
        """The certificate (DER) of a new connection; empty while nobody listens."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain,
            context.wrap_socket(plain) as connection,
        ):
            return connection.getpeercert(binary_form=True) or b""
        return b""

    def in_use(self) -> bool:
        """Whether new connections get the pair that was mounted last."""
        return self.presented() == ssl.PEM_cert_to_DER_cert(self.pair.certificate.decode())

    def resident(self) -> int:
        """Bytes of memory that the process has resident."""
        pages = int(Path(f"/proc/{self.popen.pid}/statm").read_text().split()[1])
        return pages * 4096


@pytest.fixture(scope="module")
def webhook_process(
    tmp_path_factory: pytest.TempPathFactory, eventually: Any
) -> Iterator[Callable[[str, pki.KeyPair], Process]]:
    """`webhook_process(group, pair)`: a server that answers; it is killed with the module."""
    running: list[Process] = []

    def attempt(group: str, pair: pki.KeyPair) -> Process:
        directory = tmp_path_factory.mktemp("certificates")
        for name in ("tls.crt", "tls.key"):
            (directory / name).symlink_to(f"..data/{name}")
        chosen = ports.free(2)
        argv = [sys.executable, "-c", SERVE, group, str(directory), *map(str, chosen)]
        log = directory / "log"
        with log.open("wb") as file:
            popen = subprocess.Popen(argv, stderr=file)
        process = Process(directory, *chosen, popen, log, pair, iter(range(1000)))
        running.append(process)
        process.mount(pair)
        return process

    def start(group: str, pair: pki.KeyPair) -> Process:
        for _ in range(5):
            process = attempt(group, pair)
            eventually(lambda process=process: process.in_use() or process.popen.poll(), bool)
            if process.popen.poll() is None:
                return process
            # Somebody else has taken one of the ports meanwhile.
        raise AssertionError(process.log.read_text())

    yield start
    for process in running:
        process.popen.kill()
        process.popen.wait()
