"""One measurement of one operator, from its start to its end.

`converge` is the burst: N new objects while the operator runs. `settle` is the calm: few objects,
followed until the controller manager has made all pods, then a restart over settled objects.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import machine, workload
from bench.audit import AuditLog, Request
from bench.operators import Operator, Running
from bench.plane import Plane
from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.fields import differences

# Seconds without a request and almost without processor time after which an operator is idle.
QUIET: Final = 2.0
# Share of one processor that an idle operator may use.
_IDLE_SHARE: Final = 0.05
# Seconds for any one phase; plain kopf needs minutes for thousands of objects on a busy machine.
_LIMIT: Final = 900.0
# Each object needs a successful write of each of these.
_CHILDREN: Final = ("deployments", "services")
_NEEDED: Final = (*_CHILDREN, "helloworlds/status")


@dataclass
class Sample:
    """What was measured once. Times in seconds, memory in 10^6 bytes."""

    operator: str
    kind: str
    count: int
    values: dict[str, float] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    restart_writes: dict[str, int] = field(default_factory=dict)


@dataclass
class Bench:
    """Runs operators on a control plane, one at a time."""

    plane: Plane
    directory: Path
    number: int = 0
    made: dict[str, Any] = field(default_factory=dict)

    def converge(self, operator: Operator, count: int) -> Sample:
        """A burst of `count` new objects. Raises KopfkitError if it does not end."""
        sample = Sample(operator.name, "converge", count)
        namespace, audit, running = self._begin(operator, sample)
        try:
            others = machine.Strangers.watch([*self.plane.pids().values(), running.pid])
            cluster = self._cluster_cpu()
            cpu, began = running.cpu(), time.time()
            names = set(workload.create(self.plane.api, namespace, count))
            done, writes = self._until_converged(running, audit, namespace, names)
            took = done - began
            sample.values |= {
                "converge": took,
                "children": last_needed(writes, names, _CHILDREN) - began,
                "cpu_per_object": (running.cpu() - cpu) / count * 1000,
                "cluster_cpu_per_object": (self._cluster_cpu() - cluster) / count * 1000,
                "rss_loaded": running.rss(),
                "strangers": others.seconds() / max(time.time() - began, 0.001),
                "load": machine.load(),
            }
            sample.writes = dict(Counter(map(_named, writes)))
        finally:
            running.stop()
        workload.clear(self.plane.api, namespace)
        return sample

    def settle(self, operator: Operator, count: int) -> Sample:
        """`count` objects until nothing moves any more, then a restart over them."""
        sample = Sample(operator.name, "settle", count)
        namespace, audit, running = self._begin(operator, sample)
        api = self.plane.api
        try:
            cpu, began = running.cpu(), time.time()
            names = set(workload.create(api, namespace, count))
            done, writes = self._until_converged(running, audit, namespace, names)
            self._wait(running, lambda: workload.rolled_out(api, namespace), 0.5)
            writes += [each for each in self._until_quiet(running, audit) if each.write]
            own = [each for each in writes if each.name in names or _event(each, namespace)]
            sample.values["writes_per_object"] = len(own) / count
            sample.values["settled_cpu_per_object"] = (running.cpu() - cpu) / count * 1000
            sample.values["first_status"] = done - began
            if workload.final(api, namespace):  # plain kopf tells the first status only
                told = (each.at for each in own if each.resource == "helloworlds/status")
                sample.values["final_status"] = max(told) - began
            sample.writes = dict(Counter(map(_named, own)))
        finally:
            running.stop()
        audit.skip()
        running = self._start(operator)
        try:
            requests = self._until_quiet(running, audit, least=4.0)
            own = [each for each in requests if each.write and each.namespace == namespace]
            sample.values["writes_at_restart"] = len(own) / count
            sample.restart_writes = dict(Counter(map(_named, own)))
            sample.values["cpu_at_restart"] = running.cpu()
        finally:
            running.stop()
        workload.clear(api, namespace)
        return sample

    def _begin(self, operator: Operator, sample: Sample) -> tuple[str, AuditLog, Running]:
        """Start on one object, so that the first reconcile can be seen."""
        self.number += 1
        namespace = f"run-{self.number}"
        workload.make_namespace(self.plane.api, namespace)
        workload.create(self.plane.api, namespace, 1, prefix="first")
        audit = AuditLog(self.plane.audit_log)
        audit.skip()
        running = self._start(operator)
        try:
            requests = self._until_quiet(running, audit, least=2.0, write=True)
            self._compare(operator, namespace)
        except BaseException:
            running.stop()
            raise
        sample.values["first_reconcile"] = (
            min(each.at for each in requests if each.write) - running.exec_at
        )
        sample.values["rss_idle"] = running.rss()
        return namespace, audit, running

    def _compare(self, operator: Operator, namespace: str) -> None:
        """All operators must make the same, or nothing else here can be compared."""
        made = workload.children(self.plane.api, namespace, "first-00000")
        lines = [
            f"{what}: {line}"
            for what, part in self.made.items()
            for line in differences(part, made[what]) + differences(made[what], part)
        ]
        if lines:
            raise KopfkitError(
                f"operator {operator.name}",
                "makes other objects than the one before\n" + "\n".join(lines[:10]),
                "Bring the peers in benchmarks/ up to the operator.",
            )
        self.made = made

    def _start(self, operator: Operator) -> Running:
        log = self.directory / f"{operator.name}.log"
        return Running(operator, self.plane.kubeconfig(operator.name), log)

    def _cluster_cpu(self) -> float:
        return sum(map(machine.cpu_seconds, self.plane.pids().values()))

    def _until_converged(
        self, running: Running, audit: AuditLog, namespace: str, names: set[str]
    ) -> tuple[float, list[Request]]:
        """When the last object had its children and a current status, and the writes until then."""
        writes: list[Request] = []
        told: set[str] = set()

        def seen() -> bool:
            for each in audit.new():
                if each.write and each.namespace == namespace:
                    writes.append(each)
                    if each.resource == "helloworlds/status" and each.code < 300:
                        told.add(each.name)
            return names <= told

        self._wait(running, seen, 0.05)
        # The log says that each was told something; the objects say whether it was the last word.
        if not workload.unfinished(self.plane.api, namespace, names):
            return last_needed(writes, names), writes
        while workload.unfinished(self.plane.api, namespace, names):
            self._wait(running, lambda: True, 0.1)
        at = time.time()
        seen()
        return at, writes

    def _until_quiet(
        self, running: Running, audit: AuditLog, least: float = QUIET, *, write: bool = False
    ) -> list[Request]:
        """All requests until the operator is idle; with `write`, not before its first write."""
        found: list[Request] = []
        started = since = time.monotonic()
        cpu = running.cpu()
        while True:
            self._wait(running, lambda: True, 0.25)
            new = [each for each in audit.new() if each.resource != "leases"]
            found += new
            now, used = time.monotonic(), running.cpu()
            busy = used - cpu > max(_IDLE_SHARE * (now - since), 0.03)
            if busy or any(each.verb != "watch" for each in new):
                since, cpu = now, used
            quiet = now - since >= QUIET and now - started >= least
            if quiet and (not write or any(each.write for each in found)):
                return found
            if now - started > _LIMIT:
                raise KopfkitError(
                    f"operator {running.operator.name}", f"is not idle after {_LIMIT:.0f} s"
                )

    def _wait(self, running: Running, check: Callable[[], bool], interval: float) -> None:
        deadline = time.monotonic() + _LIMIT
        while True:
            time.sleep(interval)
            running.check()
            if check():
                return
            if time.monotonic() > deadline:
                raise KopfkitError(
                    f"operator {running.operator.name}", f"did not converge in {_LIMIT:.0f} s"
                )


def last_needed(
    writes: Iterable[Request], names: Collection[str], resources: Collection[str] = _NEEDED
) -> float:
    """When the last write came without which an object would not have been converged: the first
    one of each of the resources for each object. Later ones, of objects that move on, do not
    count."""
    first: dict[tuple[str, str], float] = {}
    for each in writes:
        if each.name in names and each.code < 300 and each.resource in resources:
            first.setdefault((each.resource, each.name), each.at)
    return max(first.values())


def _named(request: Request) -> str:
    return f"{request.verb} {request.resource}"


def _event(request: Request, namespace: str) -> bool:
    # Not those about a Lease, which are in another namespace.
    return request.resource == "events" and request.namespace == namespace
