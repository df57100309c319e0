"""`kopfkit dev`: the operator in the cluster, whose code follows the files of the checkout.

Its Deployments are applied with one pod each, which runs what is sent to it (`devpods`). A saved
file is sent and the process in the pod starts again: no image is built, pushed or pulled. When this
ends, the Deployments are applied as they were generated, and the pods run the image's own code.
"""

import importlib
import io
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.host import ports
from kopfkit.host.process import CommandFailed
from kopfkit.host.progress import Progress
from kopfkit.local import (
    devpods,
    localchecks,
    localchildren,
    localcrds,
    localtarget,
    podloader,
)
from kopfkit.local.localchildren import Child, Output
from kopfkit.local.localoperator import Operator
from kopfkit.local.localsession import Session
from kopfkit.local.localwatch import Generation, Sources
from kopfkit.olm import podfaults
from kopfkit.olm.podfaults import Fault
from kopfkit.toolchain.kubectl import Object

READY = "the pods run the code of this checkout"
# Seconds for a generation, and between two looks at the pods, of which one may have been replaced;
# the shorter while something is waited for, which is for ever where a process has ended.
_GENERATE = 60.0
_LOOK = 2.0
_LOOK_SOON = 0.5
# Seconds after the code was sent in which a process that cannot start has ended, and its log is
# here. One that ends later is told then.
_SETTLES = 1.5
# The kubectl that forwards the debugger's port, among the children.
_PORT = "port"


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        kubeconfig: of the cluster; None finds one.
        name: of the kopfkit cluster, if no kubeconfig is named.
        image: of the operator, in a registry; None is the newest release's.
        debug: port of this machine on which the operator in the pod waits for a debugger, or None.
    """

    kubeconfig: Path | None = None
    name: str = "kopfkit"
    image: str | None = None
    debug: int | None = None


def run(options: Options, output: Output, progress: Progress) -> None:
    """Run until KeyboardInterrupt, which is not passed on.

    Raises:
        KopfkitError: the operator cannot be deployed.
        DescriptionChanged: what is applied has to be read anew, by a new process.
    """
    operator = Operator.load()
    target = localtarget.resolve(options.kubeconfig, options.name, progress)
    if others := localchecks.others(operator, target, namespace=operator.project.namespace):
        raise localchecks.two_operators(others)
    localchecks.check_debugger(options.debug, "pip install debugpy")
    with localchecks.only_one(target.directory, target.server):
        generation = Generation(target.directory, options.image)
        _Dev(operator, target, output, generation, options).run()


@dataclass
class _Dev(Session):
    options: Options
    plain: list[Object] = field(default_factory=list)
    children: dict[str, Child] = field(default_factory=dict)
    # The uid of the pod that was sent the code, by Deployment.
    sent: dict[str, str] = field(default_factory=dict)
    sent_at: float = 0.0
    # The Deployments of which was told that the process has ended.
    ended: set[str] = field(default_factory=set)
    # Whether a debugger can attach to what has been sent.
    attachable: bool = False
    faults: dict[str, float] = field(default_factory=dict)
    ready: bool = False

    def work(self) -> None:
        sources = Sources.of(self.operator)
        self._deploy()
        looked = 0.0
        for saved in sources.saves():
            if saved and self.takes(saved, "sending it to the pods"):
                self.generation.begin()
                self.sent.clear()
                self.ended.clear()
                self.ready = False
            self.follow("everything is applied anew")
            pause = _LOOK if self.ready else _LOOK_SOON
            if saved or time.monotonic() - looked > pause:
                self._look(sources)
                looked = time.monotonic()

    def end(self) -> bool:
        children = [*self.children.values()]
        return localchildren.end(children, self.target.directory, self.output)

    def leave(self) -> None:
        if self.plain:
            self._apply(self.plain)
            names = ", ".join(each["metadata"]["name"] for each in self.plain)
            self.output.say(f"{names}: applied as generated; the pods run the image's code again")

    def _deploy(self) -> None:
        """Do what `make deploy` does, with pods that code can be sent to."""
        self.generation.begin()
        deadline = time.monotonic() + _GENERATE
        while not self.generation.over():
            if time.monotonic() > deadline:
                raise KopfkitError("kopfkit manifests", f"took longer than {_GENERATE:.0f} s")
            time.sleep(0.02)
        self.generation.changed()
        tree = self.target.kubectl.run("kustomize", str(self.generation.tree / "default"))
        objects = yamls.load_all(tree)
        ours = {("Deployment", each.name) for each in self.operator.project.deployments}
        plain = [each for each in objects if (each["kind"], each["metadata"]["name"]) in ours]
        self._apply([each for each in objects if each not in plain])
        self.plain = plain
        self._apply([self._developed(each) for each in plain])

    def _developed(self, deployment: Object) -> Object:
        name = deployment["metadata"]["name"]
        if not self._debugged(name):
            return devpods.developed(deployment, self.operator.words())
        # At a breakpoint a leader would lose its Lease.
        more = self.operator.project.deployment(name).debug_args
        return devpods.developed(deployment, self.operator.words(self.options.debug), more)

    def _debugged(self, name: str) -> bool:
        return self.options.debug is not None and name == self.operator.controllers[0]

    def _apply(self, objects: list[Object]) -> None:
        self.target.kubectl.apply(*objects, manager=localcrds.MANAGER)

    def _look(self, sources: Sources) -> None:
        """Send the code to pods that have none, and show the logs of those that have it."""
        waiting = False
        faults: list[Fault] = []
        for deployment in self.plain:
            name = deployment["metadata"]["name"]
            labels = deployment["spec"]["selector"]["matchLabels"]
            selector = ",".join(f"{key}={value}" for key, value in labels.items())
            namespace = deployment["metadata"]["namespace"]
            pods = self.target.kubectl.list("pods", namespace, selector)
            fitting = [pod for pod in devpods.running(pods) if _is_developed(pod)]
            if len(fitting) != 1 or len(pods) != 1:
                waiting = True
                alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
                faults += [fault for pod in alive for fault in podfaults.of_pod(pod)]
                continue
            uid = fitting[0]["metadata"]["uid"]
            if self.sent.get(name) != uid:
                try:
                    self._send(sources, name, fitting[0])
                except CommandFailed as error:
                    waiting = True
                    faults.append(Fault(f"pod of {name}", f"takes no code: {error.output}"))
                    continue
                self.sent[name], self.sent_at = uid, time.monotonic()
            self._follow_pod(name, fitting[0])
            if not self._runs(name, fitting[0]):
                waiting = True
            if self._debugged(name) and not self._can_attach(fitting[0]):
                waiting = True
        self._complain(faults)
        if not waiting and not self.ready:
            self.ready = True
            self.output.say(f"{READY}; press Ctrl-C to stop")

    def _send(self, sources: Sources, name: str, pod: Any) -> None:
        packages = list(sources.packages)
        if self._debugged(name):
            debugger = importlib.import_module("debugpy")
            packages.append(Path(debugger.__path__[0]))
            self._stop_forwarding()
        program = ("python3", "-c", devpods.RECEIVE)
        words = ("exec", "--stdin", *_where(pod), "--", *program)
        self.target.kubectl.run(*words, input=devpods.archive(packages))

    def _follow_pod(self, name: str, pod: Any) -> None:
        """Have its log here."""
        self._keep(
            _log(pod), name, "logs", "--follow", "--tail=20", *_where(pod), output=self.output
        )

    def _runs(self, name: str, pod: Any) -> bool:
        """Whether the process in the pod has started and not ended, which is told once."""
        if time.monotonic() - self.sent_at < _SETTLES:
            return False
        last = self.children[_log(pod)].last()
        if not last.startswith(podloader.ENDED):
            self.ended.discard(name)
            return True
        if name not in self.ended:
            self.ended.add(name)
            self.ready = False
            logs = " ".join(["kubectl logs", *_where(pod)])
            self.output.say(f"{name}: its process {last}; its log is above, and here: {logs}")
        return False

    def _can_attach(self, pod: Any) -> bool:
        """Whether a debugger can attach to the pod's process by a port of this machine, which is
        told when it can: an editor gives up where nothing listens yet."""
        port = self.options.debug
        if not self.attachable and not self._listens(pod):
            return False
        quiet = Output(io.StringIO())
        self._keep(_PORT, "port", "port-forward", *_where(pod), f"{port}:{port}", output=quiet)
        if not self.attachable and self.children[_PORT].told("Forwarding from"):
            self.attachable = True
            self.output.say(f"the pod waits for a debugger on {ports.HOST}:{port}")
            here = Path(sys.modules[self.operator.module].__path__[0]).parent
            self.output.say(f"  its files are in {devpods.PLACE}/src, here in {here}")
        return self.attachable

    def _listens(self, pod: Any) -> bool:
        program = ("python3", "-c", devpods.LISTENS, f"{self.options.debug}")
        try:
            self.target.kubectl.run("exec", *_where(pod), "--", *program)
        except CommandFailed:
            return False
        return True

    def _stop_forwarding(self) -> None:
        """kubectl would end with the process that is debugged, some time after it."""
        self.attachable = False
        if child := self.children.pop(_PORT, None):
            localchildren.stop([child], self.output, _LOOK)

    def _keep(self, key: str, name: str, *words: str, output: Output) -> None:
        """Have a kubectl running; one that has ended starts again."""
        if key in self.children and self.children[key].running():
            return
        kubectl = self.target.kubectl
        self.children[key] = Child(
            name,
            [str(kubectl.program), f"--kubeconfig={kubectl.kubeconfig}", *words],
            env={},
            directory=self.target.directory,
            output=output,
        )

    def _complain(self, faults: list[Fault]) -> None:
        """Raises KopfkitError where a fault does not pass, as that of a pod about to end would."""
        now = time.monotonic()
        self.faults = {each.what: self.faults.get(each.what, now) for each in faults}
        for fault in faults:
            if now - self.faults[fault.what] > fault.patience:
                raise KopfkitError(fault.what, fault.why, fault.hint)


def _is_developed(pod: Any) -> bool:
    volumes = pod["spec"].get("volumes", [])
    return any(volume["name"] == devpods.VOLUME for volume in volumes)


def _log(pod: Any) -> str:
    """What its log is called among the children."""
    return f"log {pod['metadata']['uid']}"


def _where(pod: Any) -> tuple[str, str]:
    """How kubectl is told which pod."""
    return f"--namespace={pod['metadata']['namespace']}", pod["metadata"]["name"]
