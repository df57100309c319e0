"""The processes of `kopfkit run local`: the operator and its webhook, on this machine."""

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import listeners, ports
from kopfkit.local import localchildren, localtls
from kopfkit.local.localchildren import Child, Output
from kopfkit.local.localoperator import Operator
from kopfkit.local.localtarget import Target

WEBHOOK_PORT = 9443
DEBUG_PORT = 2345
# Seconds for the webhook to be ready: it starts in one, and a busy machine gets many times that.
READY_TIMEOUT = 60.0
# Seconds that an operator gets to end before it is started again.
RESTART_GRACE = 3.0


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
        watch: start again when a file of the operator was saved.
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
    watch: bool = False


@dataclass
class Processes:
    """The processes that run.

    Attributes:
        host: DNS name or IP address at which the API server reaches the webhook.
        others: the operator's Deployments in the cluster, as namespace/name.
        children: those that were started since the last `stop`.
    """

    operator: Operator
    options: Options
    target: Target
    host: str
    output: Output
    others: list[str]
    children: list[Child] = field(default_factory=list)

    def start_webhook(self, name: str, *, wait: bool) -> bytes:
        """Start the webhook's Deployment `name`, and `wait` until it is ready; returns its CA, PEM.

        Raises:
            KopfkitError: it cannot be started, ends, or is not ready in time.
        """
        made = localtls.ensure(self.target.directory, self.host, now=datetime.now(UTC))
        health = self.operator.health_port(name) or self._free_port()
        child = self._start(
            "webhook",
            self.operator.words(),
            name,
            cert_dir=made.directory,
            port=self.options.webhook_port,
            health_port=health,
        )
        if wait:
            path = self.operator.project.deployment(name).ready_path
            late = KopfkitError("webhook", f"is not ready after {READY_TIMEOUT:.0f} s")
            _wait(child, lambda: _answers(health, path), late)
        return made.ca

    def start_operator(self) -> None:
        """Start the operator; KopfkitError as of the webhook, also if it waits for no debugger."""
        debug = self.options.debug
        for name in self.operator.controllers:
            fixed = self.operator.health_port(name)
            self._health = fixed or self.options.health_port or self._free_port()
            self._ready_path = self.operator.project.deployment(name).ready_path
            # With another operator about, the Lease is needed at a breakpoint, too.
            alone = debug is not None and not self.others
            words = self.operator.words(debug)
            child = self._start("operator", words, name, debug=alone, health_port=self._health)
            if debug is not None:
                self._tell_debugger(child, debug)

    def ready(self) -> bool:
        """Whether the operator runs and says that it is ready."""
        return bool(self.children) and _answers(self._health, self._ready_path)

    def stop(self) -> None:
        """End the processes before they are started again."""
        rest = [child for child in self.children if child.name != "webhook"]
        localchildren.stop(rest, self.output, RESTART_GRACE)
        for webhook in (child for child in self.children if child.name == "webhook"):
            # It would wait for the API server's connection, which is not closed.
            webhook.signal(signal.SIGKILL)
            webhook.status()
            webhook.close()
        self.children.clear()

    def _metrics(self, deployment: str) -> dict[str, int]:
        """The flag for a process that serves metrics: pods may all use one port, these cannot."""
        if not self.operator.takes(deployment, "--metrics-port"):
            return {}
        port = self._free_port()
        self.output.say(f"metrics of {deployment}: http://{ports.HOST}:{port}/metrics")
        return {"metrics_port": port}

    def _free_port(self) -> int:
        """A port that nothing listens on, nor is about to."""
        taken = {self.options.webhook_port, self.options.health_port, self.options.debug}
        return next(port for port in ports.free(len(taken) + 1) if port not in taken)

    def _tell_debugger(self, child: Child, port: int) -> None:
        if sys.platform == "linux":
            late = KopfkitError("debugger", f"does not listen on port {port}")
            _wait(child, lambda: listeners.listening(port), late)
        say = self.output.say
        say(f"the operator waits for a debugger on {ports.HOST}:{port}; attach and it goes on")
        say(
            '  VS Code (launch.json): {"name": "Attach", "type": "debugpy", "request": "attach", '
            f'"connect": {{"host": "{ports.HOST}", "port": {port}}}, "justMyCode": false}}'
        )
        say("  any other DAP client: connect to that address and send an attach request")

    def _start(
        self, prefix: str, words: list[str], name: str, *, debug: bool = False, **flags: object
    ) -> Child:
        """Start the process of the Deployment `name`; its lines begin with `prefix`."""
        flags |= self._metrics(name)
        arguments = self.operator.arguments(name, debug=debug, **flags)
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
            prefix,
            [sys.executable, *words, *arguments],
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


def _wait(child: Child, ready: Callable[[], bool], late: KopfkitError) -> None:
    """Wait until a process is ready; KopfkitError if it ends, `late` if it takes too long."""
    deadline = time.monotonic() + READY_TIMEOUT
    while not ready():
        if not child.running():
            raise child.death()
        if time.monotonic() > deadline:
            raise late
        time.sleep(0.05)


def _answers(port: int, path: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{ports.HOST}:{port}{path}", timeout=2.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
