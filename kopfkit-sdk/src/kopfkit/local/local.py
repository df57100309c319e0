"""Run mode 1: operator and webhook as processes of this machine, against any cluster.

Everything is checked before anything is started, and the webhook answers before the CRD points at
it. While the run lasts, the CRD is looked at again and again: `make install` sets its conversion
back to the Service in the cluster.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import daemon
from kopfkit.host.progress import Progress
from kopfkit.local import localchecks, localchildren, localcrds, localtarget, localwatch
from kopfkit.local.localadmission import LocalAdmission
from kopfkit.local.localchildren import Output
from kopfkit.local.localconversion import LocalConversion
from kopfkit.local.localoperator import Operator
from kopfkit.local.localprocesses import Options, Processes
from kopfkit.local.localsession import Session
from kopfkit.local.localwatch import DescriptionChanged, Generation, Sources

# Said when the operator and its webhook are ready; `kopfkit.testing` waits for it.
READY = "all processes are running"
# Seconds between two looks at the CRD, and between two looks for an operator in the cluster.
LOOK = 3.0
LOOK_FOR_OTHERS = 15.0


def run(options: Options, output: Output, progress: Progress) -> None:
    """Run until KeyboardInterrupt, which ends everything in order and is not passed on.

    Raises:
        KopfkitError: something keeps it from running, or one of the processes has died.
        DescriptionChanged: with `watch`, what is run has to be read anew, by a new process.
    """
    operator = Operator.load()
    target = localtarget.resolve(options.kubeconfig, options.name, progress)
    host = target.webhook_host(options.webhook_host)
    with localchecks.only_one(target.directory, target.server):
        localchecks.check_ports(operator, options.webhook_port, options.health_port, options.debug)
        stored = localchecks.stored_versions(operator, target)
        others = localchecks.others(operator, target)
        if others and not options.force:
            raise localchecks.two_operators(others, force=True)
        generation = Generation(target.directory)
        processes = Processes(operator, options, target, host, output, others)
        _Run(operator, target, output, generation, options, processes, stored).run()


@dataclass
class _Run(Session):
    options: Options
    processes: Processes
    stored: Mapping[str, str]
    conversion: LocalConversion | None = None
    admission: LocalAdmission | None = None
    ready: bool = False
    looked: float = 0.0
    looked_for_others: float = 0.0
    # With --watch: whether all was started once, and whether a file was saved.
    complete: bool = False
    saved: bool = False

    def work(self) -> None:
        saves = localwatch.never()
        if self.options.watch:
            saves = Sources.of(self.operator).saves()
            self.generation.begin()
        self._start()
        for saved in saves:
            if saved:
                self._start_again(saved)
            self._follow_description()
            for child in self.processes.children:
                if not child.running():
                    if not self.options.watch:
                        raise child.death()
                    self._wait_for_save(f"the {child.name} process {child.fate()}")
                    break
            if not self.ready and self.processes.ready():
                self.ready = True
                self.output.say(f"{READY}; press Ctrl-C to stop")
            if self.conversion is not None and time.monotonic() - self.looked > LOOK:
                self.conversion.keep(self.output.say, self._alone)
                self.looked = time.monotonic()
            if time.monotonic() - self.looked_for_others > LOOK_FOR_OTHERS:
                self._alone()
                self.looked_for_others = time.monotonic()

    def _start(self) -> None:
        """Start the processes; the API server gets to know the webhook the first time only."""
        try:
            if (webhook := self.operator.project.webhook) is not None:
                name, first = webhook.deployment, not self.complete
                ca = self.processes.start_webhook(name, wait=first)
                if first:
                    self._register(name, ca)
            self.processes.start_operator()
            self.complete = True
        except KopfkitError as error:
            if not self.options.watch:
                raise
            self._wait_for_save(str(error))

    def _register(self, webhook: str, ca: bytes) -> None:
        """Have the API server call the webhook, which is ready."""
        host, kubectl = self.processes.host, self.target.kubectl
        bracketed = f"[{host}]" if ":" in host else host
        url = f"https://{bracketed}:{self.options.webhook_port}"
        if self.operator.crds:
            self._convert(f"{url}{self.operator.convert_path}", ca)
        if admission := self.operator.project.admission:
            self.admission = LocalAdmission(kubectl, webhook, admission.hooks, url, ca)
            self.admission.put()
            kinds = dict.fromkeys(hook.kind for hook in admission.hooks)
            self.output.say(f"admission of {', '.join(kinds)}: {url}")

    def _convert(self, url: str, ca: bytes) -> None:
        self.conversion = LocalConversion(self.target.kubectl, self.operator.crds, url, ca)
        try:
            self.conversion.put()
            self.conversion.require_reached(self.operator.samples(self.stored))
        except KopfkitError:
            self.conversion.put_off()
            self.conversion = None
            raise
        self.output.say(f"{', '.join(self.operator.crds)}: converted by {url}")

    def _start_again(self, saved: list[Path]) -> None:
        """Have the processes run what was saved."""
        if not self.takes(saved, "starting again"):
            return
        self.saved = True
        self._stop()
        daemon.sweep(self.target.directory, 2.0)
        self.generation.begin()
        if self.complete:
            self._start()

    def _follow_description(self) -> None:
        """Have the CRDs follow the types in the code, and the processes the description."""
        kubectl, generation = self.target.kubectl, self.generation
        then = "its CRDs are applied, and all starts again"
        over = self.follow(then, lambda: localcrds.install(kubectl, generation.crds()))
        if over and self.saved and not self.complete:
            raise DescriptionChanged

    def _wait_for_save(self, why: str) -> None:
        self.output.say(f"{why}; starts again with the next saved file")
        self._stop()

    def _stop(self) -> None:
        self.processes.stop()
        self.ready = False

    def _alone(self) -> None:
        """Raises KopfkitError if an operator has come into the cluster since the start."""
        if self.options.force:
            return
        try:
            others = localchecks.others(self.operator, self.target)
        except KopfkitError:
            return  # the API server is away; there will be another look
        if others:
            raise localchecks.two_operators(others, force=True)

    def end(self) -> bool:
        try:
            # Nobody is asked any more, before nobody answers.
            if self.admission is not None:
                self.admission.put_off()
        except KopfkitError as error:
            self.output.say(f"cannot delete the webhook configurations, do it by hand: {error.why}")
        finally:
            children = self.processes.children
            hurried = localchildren.end(children, self.target.directory, self.output)
        return hurried

    def leave(self) -> None:
        """Say what stays behind. The conversion is not set to None: the API server would answer
        with the other version's fields dropped, and a write would lose them for good."""
        if self.conversion is None:
            return
        try:
            if not self.conversion.in_place():
                return
        except KopfkitError:
            return
        self.output.say(
            f"{', '.join(self.operator.crds)} still points at {self.conversion.url}, where nothing "
            "answers now: run this again, or make deploy, or make uninstall (deletes the objects)"
        )
