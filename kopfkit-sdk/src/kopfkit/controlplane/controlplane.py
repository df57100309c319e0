"""A Kubernetes control plane as plain processes: etcd, kube-apiserver, kube-controller-manager.

No Docker and no root are needed, and it is up in seconds: a full API with garbage collection and
the workload controllers, for running an operator outside the cluster and for integration tests.
There is no node, so pods stay pending; and no cluster network, so webhooks are reached by URL.
"""

import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kopfkit.controlplane import controlplaneflags, credentials
from kopfkit.errors import KopfkitError
from kopfkit.host import daemon, files, ports
from kopfkit.host.daemon import Daemon
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain

TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager")
# Seconds: a start takes 4 to 14 on two cores, and 30 on a machine with ten busy processes for each.
START_TIMEOUT = 240.0
# Somebody else may take a port between the look and the start.
PORT_ATTEMPTS = 4


class PortTaken(KopfkitError):
    """A process of the control plane could not listen: somebody took the port first."""


@dataclass
class ControlPlane:
    """One control plane in one directory.

    Args:
        directory: keeps its certificates, data, logs and pid files; made if missing.
        name: name of the cluster in the kubeconfig.
        port: the API server's port on 127.0.0.1; None takes a free one.
        tied: end it when this process ends, however that ends. For tests.
        api_server_args: further flags for kube-apiserver, for tests of one feature.
        progress: shows the steps.
    """

    directory: Path
    name: str = "kopfkit"
    port: int | None = None
    tied: bool = False
    api_server_args: Sequence[str] = ()
    progress: Progress = field(default_factory=Progress)

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig with every right."""
        return self.directory / "kubeconfig"

    @property
    def url(self) -> str:
        """The API server's URL. Raises KopfkitError before the first start."""
        return f"https://{ports.HOST}:{self._ports()['api']}"

    @property
    def certificates(self) -> Path:
        """The directory with the CA, the admin's certificate and the service-account keys."""
        return self.directory / "pki"

    def daemons(self) -> dict[str, Daemon]:
        """The three processes by name, in the order in which they start."""
        return {tool: Daemon(tool, self.directory / "run", tied=self.tied) for tool in TOOLS}

    def ready(self) -> bool:
        """Whether all three processes run and the API server says that it is ready."""
        try:
            alive = all(process.alive() for process in self.daemons().values())
            return alive and self._get("/readyz") == 200
        except KopfkitError:
            return False

    def start(self) -> "ControlPlane":
        """Start what does not run, and wait until it serves; what runs is left alone.

        Raises KopfkitError with the end of the log if a process fails, or a tool is missing.
        Nothing is left running then.
        """
        if self.ready():
            return self
        paths = toolchain.ensure(TOOLS, self.progress)
        with self.progress.step("Starting the control plane") as step:
            try:
                for attempt in range(1, PORT_ATTEMPTS + 1):
                    # A half-dead one is ended first: the API server never recovers its leases in
                    # a predictable time once etcd was away. The data stays.
                    self._end()
                    try:
                        self._launch(paths)
                        break
                    except PortTaken:
                        if attempt == PORT_ATTEMPTS:
                            raise
                        (self.directory / "ports.json").unlink()
            except BaseException:
                self._end()
                raise
            step.glance(self.url)
        return self

    def stop(self) -> None:
        """End the processes and delete the directory. Does nothing if there is nothing."""
        self._end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _end(self) -> None:
        running = self.daemons()
        # The cluster is thrown away or started anew, so nobody needs the orderly end, for which
        # the API server waits for its watches up to a minute. etcd ends in order, for its data.
        for name, grace in (
            ("kube-controller-manager", 0.0),
            ("kube-apiserver", 0.0),
            ("etcd", 5.0),
        ):
            running[name].stop(grace)
        daemon.sweep(self.directory, 0.0)

    def _launch(self, paths: dict[str, Path]) -> None:
        chosen = self._choose_ports()
        credentials.make(self.certificates, controlplaneflags.SERVICE_IP)
        for path, user in (
            (self.kubeconfig, "admin"),
            (self.directory / "controller-manager.kubeconfig", "controller-manager"),
        ):
            text = credentials.kubeconfig(self.certificates, user, self.url, self.name)
            files.write(path, text)
        deadline = time.monotonic() + START_TIMEOUT
        running = self.daemons()
        arguments = {
            "etcd": controlplaneflags.etcd(self.directory, self.certificates, chosen),
            "kube-apiserver": [
                *controlplaneflags.api_server(self.certificates, chosen),
                *self.api_server_args,
            ],
            "kube-controller-manager": controlplaneflags.controller_manager(
                self.directory, self.certificates
            ),
        }
        for name in ("etcd", "kube-apiserver"):
            running[name].argv = [str(paths[name]), *arguments[name]]
            running[name].start()
        # A controller manager that comes before /readyz may never sync its caches.
        self._wait("/readyz", running, deadline)
        name = "kube-controller-manager"
        running[name].argv = [str(paths[name]), *arguments[name]]
        running[name].start()
        # Its sign of life: no pod can be made in a namespace before it made this account.
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._wait(account, running, deadline)

    def _wait(self, path: str, running: dict[str, Daemon], deadline: float) -> None:
        while self._get(path) != 200:
            for process in running.values():
                if process.argv and not process.alive():
                    log = process.log_tail(12)
                    if "address already in use" in log:
                        raise PortTaken(process.name, "its port was taken by another process")
                    raise KopfkitError(process.name, f"exited during startup\n{log}")
            if time.monotonic() > deadline:
                last = [process for process in running.values() if process.argv][-1]
                raise KopfkitError(
                    "control plane",
                    f"did not become ready in {START_TIMEOUT:.0f} s ({path})\n{last.log_tail(12)}",
                    f"Look at the logs in {last.log.parent} and try again.",
                )
            time.sleep(0.05)

    def _get(self, path: str) -> int:
        """The status of a GET as the admin; 0 if there is no answer."""
        try:
            context = ssl.create_default_context(cafile=self.certificates / "ca.crt")
            admin = self.certificates / "admin"
            context.load_cert_chain(f"{admin}.crt", f"{admin}.key")
            # No proxy: the address is this machine's own.
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
            )
            with opener.open(self.url + path, timeout=5) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def _ports(self) -> dict[str, int]:
        try:
            record = json.loads((self.directory / "ports.json").read_text())
            return {key: int(record[key]) for key in ("etcd", "peer", "api")}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise KopfkitError("control plane", "was not started yet") from error

    def _choose_ports(self) -> dict[str, int]:
        """The ports of the last start if they are free, so that a kubeconfig stays good."""
        advice = "Choose another one with --port, or leave it out to get a free one."
        if self.port is not None:
            ports.require_free(self.port, "the API server", advice)
        try:
            chosen = self._ports()
            for port in chosen.values():
                ports.require_free(port, "the control plane", "")
            if self.port not in (None, chosen["api"]):
                chosen["api"] = self.port or 0
        except KopfkitError:
            etcd, peer, api = ports.free(3)
            chosen = {"etcd": etcd, "peer": peer, "api": self.port or api}
        files.write(self.directory / "ports.json", json.dumps(chosen))
        return chosen
