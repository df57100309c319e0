"""Run mode 1: operator and webhook as processes of this machine, against any cluster.

Everything is checked before anything is started, and the webhook answers before the CRD points at
it. While the run lasts, the CRD is looked at again and again: `make install` sets its conversion
back to the Service in the cluster.
"""

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kopfkit.cluster import listeners, localchecks, localchildren, localtarget, localtls, ports
from kopfkit.cluster.localchildren import Child, Output
from kopfkit.cluster.localconversion import LocalConversion
from kopfkit.cluster.localoperator import Operator
from kopfkit.cluster.localtarget import Target
from kopfkit.cluster.progress import Progress
from kopfkit.errors import KopfkitError

WEBHOOK_PORT = 9443
# Printed when the operator and its webhook are ready; tests wait for it.
RUNNING = "all processes are running"
DEBUG_PORT = 2345
# Seconds for the webhook to be ready: it starts in one, and a busy machine gets many times that.
READY_TIMEOUT = 60.0
# Seconds between two looks at the CRD, and between two looks for an operator in the cluster.
LOOK = 3.0
LOOK_FOR_OTHERS = 15.0


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        kubeconfig: of the cluster; None finds one.
        name: of the kopfkit cluster, if no kubeconfig is named.
        webhook_host: address at which the API server reaches this machine; None finds it out.
        webhook_port: of the webhook on this machine.
        health_port: of the operator's probes; 0 takes a free one.
        debug: port that the operator waits on for a debugger, or None.
        operand_image: of what the operator runs by default; None is the project's own image.
        log_format: "text" or "json", or None for what LOG_FORMAT says.
        force: run beside an operator in the cluster.
    """

    kubeconfig: Path | None = None
    name: str = "kopfkit"
    webhook_host: str | None = None
    webhook_port: int = WEBHOOK_PORT
    health_port: int = 0
    debug: int | None = None
    operand_image: str | None = None
    log_format: str | None = None
    force: bool = False


def run(options: Options, output: Output, progress: Progress) -> None:
    """Run until KeyboardInterrupt, which ends everything in order and is not passed on.

    Raises:
        KopfkitError: something keeps it from running, or one of the processes has died.
    """
    operator = Operator.load()
    target = localtarget.resolve(options.kubeconfig, options.name, progress)
    host = target.webhook_host(options.webhook_host)
    with localchecks.only_one(target.directory, target.server):
        localchecks.check_ports(operator, options.webhook_port, options.health_port, options.debug)
        stored = localchecks.stored_versions(operator, target)
        others = localchecks.others(operator, target)
        if others and not options.force:
            raise localchecks.two_operators(others)
        _Run(operator, options, target, host, output, others).run(stored)


@dataclass
class _Run:
    operator: Operator
    options: Options
    target: Target
    host: str
    output: Output
    others: list[str]
    children: list[Child] = field(default_factory=list)
    conversion: LocalConversion | None = None
    ready: bool = False
    looked: float = 0.0
    looked_for_others: float = 0.0

    def run(self, stored: Mapping[str, str]) -> None:
        self.say(f"{self.target.source}, API server {self.target.server}")
        try:
            try:
                if self.operator.crds:
                    self._start_webhook(stored)
                self._start_operator()
                self._watch()
            except KeyboardInterrupt:
                self.say("ends")
        finally:
            localchildren.end(self.children, self.target.directory, self.output)
            self._farewell()

    def say(self, text: str) -> None:
        self.output.line("kopfkit", text)

    def _start_webhook(self, stored: Mapping[str, str]) -> None:
        webhook = self.operator.project.conversion
        assert webhook is not None
        port, (health,) = self.options.webhook_port, ports.free(1)
        made = localtls.ensure(self.target.directory, self.host, now=datetime.now(UTC))
        arguments = self.operator.arguments(
            webhook.deployment,
            cert_dir=made.directory,
            port=port,
            health_port=health,
            **self._metrics(webhook.deployment),
        )
        child = self._start("webhook", ["-m", self.operator.module, *arguments])
        deadline = time.monotonic() + READY_TIMEOUT
        while not _ready(health):
            if not child.running():
                raise child.death()
            if time.monotonic() > deadline:
                raise KopfkitError("webhook", f"is not ready after {READY_TIMEOUT:.0f} s")
            time.sleep(0.05)
        bracketed = f"[{self.host}]" if ":" in self.host else self.host
        self.conversion = LocalConversion(
            self.target.kubectl,
            self.operator.crds,
            f"https://{bracketed}:{port}{webhook.path}",
            made.ca,
        )
        try:
            self.conversion.put()
            self.conversion.require_reached(self.operator.samples(stored))
        except KopfkitError:
            self.conversion.put_off()
            self.conversion = None
            raise
        self.say(f"{', '.join(self.operator.crds)}: converted by {self.conversion.url}")

    def _start_operator(self) -> None:
        for name in self.operator.controllers:
            self._health = self.options.health_port or ports.free(1)[0]
            words = ["-m", self.operator.module]
            flags: list[str] = []
            if self.options.debug is not None:
                address = f"{ports.HOST}:{self.options.debug}"
                debugger = ["-m", "debugpy", "--listen", address, "--wait-for-client"]
                words = ["-Xfrozen_modules=off", *debugger, *words]
                # A process that stands at a breakpoint cannot renew its Lease, and every write
                # after it would be refused. With another operator about, the Lease is needed.
                flags = [] if self.others else ["--no-leader-elect"]
            arguments = self.operator.arguments(
                name, health_port=self._health, **self._metrics(name)
            )
            child = self._start("operator", [*words, *arguments, *flags])
            if self.options.debug is not None:
                self._tell_debugger(child, self.options.debug)

    def _metrics(self, deployment: str) -> dict[str, int]:
        """The flag for a process that serves metrics: pods may all use one port, these cannot."""
        if not self.operator.project.deployment(deployment).metrics_port:
            return {}
        (port,) = ports.free(1)
        self.say(f"metrics of {deployment}: http://{ports.HOST}:{port}/metrics")
        return {"metrics_port": port}

    def _tell_debugger(self, child: Child, port: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while sys.platform == "linux" and not listeners.listening(port):
            if not child.running():
                raise child.death()
            if time.monotonic() > deadline:
                raise KopfkitError("debugger", f"does not listen on port {port}")
            time.sleep(0.05)
        self.say(f"the operator waits for a debugger on {ports.HOST}:{port}; attach and it goes on")
        self.say(
            '  VS Code (launch.json): {"name": "Attach", "type": "debugpy", "request": "attach", '
            f'"connect": {{"host": "{ports.HOST}", "port": {port}}}, "justMyCode": false}}'
        )
        self.say("  any other DAP client: connect to that address and send an attach request")

    def _start(self, name: str, words: list[str]) -> Child:
        environment = {
            "KUBECONFIG": str(self.target.kubectl.kubeconfig),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            **self.operator.images(self.options.operand_image, os.environ),
        }
        if self.options.log_format:
            environment["LOG_FORMAT"] = self.options.log_format
        if namespace := self._lease_namespace():
            environment["POD_NAMESPACE"] = namespace
        child = Child(
            name,
            [sys.executable, *words],
            env=environment,
            directory=self.target.directory,
            output=self.output,
        )
        self.children.append(child)
        return child

    def _lease_namespace(self) -> str:
        """The namespace of the Lease that an operator in the cluster would hold; "" without one."""
        if self.others:
            return self.others[0].partition("/")[0]
        namespace = self.operator.project.namespace
        found = self.target.kubectl.run("get", "namespace", namespace, "--ignore-not-found")
        return namespace if found.strip() else ""

    def _watch(self) -> None:
        while True:
            for child in self.children:
                if not child.running():
                    raise child.death()
            if not self.ready and _ready(self._health):
                self.ready = True
                self.say(f"{RUNNING}; press Ctrl-C to stop")
            now = time.monotonic()
            if self.conversion is not None and now - self.looked > LOOK:
                self.conversion.keep(self.say, self._alone)
                self.looked = time.monotonic()
            if now - self.looked_for_others > LOOK_FOR_OTHERS:
                self._alone()
                self.looked_for_others = time.monotonic()
            time.sleep(0.1)

    def _alone(self) -> None:
        """Raises KopfkitError if an operator has come into the cluster since the start."""
        if self.options.force:
            return
        try:
            others = localchecks.others(self.operator, self.target)
        except KopfkitError:
            return  # the API server is away; there will be another look
        if others:
            raise localchecks.two_operators(others)

    def _farewell(self) -> None:
        """Say what stays behind. The conversion is not set to None: the API server would answer
        with the other version's fields dropped, and a write would lose them for good."""
        if self.conversion is None:
            return
        try:
            if not self.conversion.in_place():
                return
        except KopfkitError:
            return
        self.say(
            f"{', '.join(self.operator.crds)} still points at {self.conversion.url}, where nothing "
            "answers now: run this again, or make deploy, or make uninstall (deletes the objects)"
        )


def _ready(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{ports.HOST}:{port}/readyz", timeout=2.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
