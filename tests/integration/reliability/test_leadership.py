"""Two operators, one Lease: who writes when, proven from the API server's audit log.

Leaders are killed, frozen for longer than the Lease lasts and let go on, and ended in order, while
objects change all the time. The log says who wrote the Lease, and that nobody else wrote anything
else until the next one had it.
"""

import json
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from kopfkit.testing.waiting import eventually

LEASE = (
    "/apis/coordination.k8s.io/v1/namespaces/helloworld-operator-system/leases/helloworld-operator"
)
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Audit:
    """What the operators did since this was made, in the API server's order."""

    def __init__(self, plane: Any, operators: list[Any]) -> None:
        self._path, self._operators = plane.audit_log, operators
        self._from = self._path.stat().st_size

    def events(self) -> list[tuple[str, float, float, dict[str, Any]]]:
        """(who, received, answered, the event) of each write that was carried out."""
        who = {f"JTI={operator.jti}": f"operator {n}" for n, operator in enumerate(self._operators)}
        found = []
        with self._path.open("rb") as log:
            log.seek(self._from)
            for line in log:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue  # being written
                ids = (event["user"].get("extra") or {}).get(
                    "authentication.kubernetes.io/credential-id", [""]
                )
                done = event.get("responseStatus", {}).get("code", 0) < 300
                if ids[0] in who and event["verb"] in WRITES and done:
                    received = _moment(event["requestReceivedTimestamp"])
                    answered = _moment(event["stageTimestamp"])
                    found.append((who[ids[0]], received, answered, event))
        return sorted(found, key=lambda item: item[1])

    def changes(self) -> list[tuple[float, str]]:
        """(when, who) has the Lease from then on; "" for nobody."""
        found: list[tuple[float, str]] = []
        for who, _, answered, event in self.events():
            if event["objectRef"]["resource"] != "leases":
                continue
            holder = who if event["requestObject"]["spec"]["holderIdentity"] else ""
            if not found or found[-1][1] != holder:
                found.append((answered, holder))
        return found

    def others(self) -> list[tuple[float, str]]:
        """(received, who) of all that is no write of the Lease."""
        return [
            (received, who)
            for who, received, _, event in self.events()
            if event["objectRef"]["resource"] != "leases"
        ]

    def intruders(self) -> list[str]:
        """Writes of somebody who did not hold the Lease when the API server received them."""
        changes, found = self.changes(), []
        for received, who in self.others():
            # A write may be on its way while its own Lease request is being answered.
            held = [holder for at, holder in changes if at <= received]
            coming = [holder for at, holder in changes if at > received][:1]
            if not held or (held[-1] != who and not (held[-1] == "" and coming == [who])):
                found.append(f"{who} wrote while {(held or ['nobody'])[-1] or 'nobody'} led")
        return found


def test_whatever_happens_to_leaders_there_are_never_two_writers(
    plane: Any, start: Callable[..., Any], world: Any, kit: Any, times: Any, seeds: Any
) -> None:
    operators: list[Any] = []
    audit = Audit(plane, operators)
    here, over, taken = world(), threading.Event(), []
    for number in range(5):
        here.create(f"x{number}")

    def change() -> None:
        from kopfkit.testing.client import Api

        count = 0
        with Api(plane.control.kubeconfig) as api:
            while not over.wait(0.03):
                count += 1
                patch = {"spec": {"greeting": {"message": f"number {count}"}}}
                api.patch(here.hello(f"x{count % 5}"), patch)

    changing = threading.Thread(target=change, daemon=True)
    changing.start()
    try:
        with kit.seeded(next(seeds(1))) as random:
            operators.extend(start(name=f"operator-{number}") for number in range(2))
            for _ in range(times(3)):
                leader, standby = _wait_for_a_leader(operators, audit)
                time.sleep(random.uniform(0.0, 1.0))
                how = random.choice(["kill", "freeze", "freeze", "end"])
                at = time.time()
                if how == "kill":
                    leader.kill()
                elif how == "freeze":
                    leader.process.send_signal(signal.SIGSTOP)
                else:
                    leader.process.send_signal(signal.SIGTERM)
                name = f"operator {operators.index(standby)}"
                acted = eventually(
                    lambda at=at, name=name: [
                        received
                        for received, who in audit.others()
                        if who == name and received > at
                    ]
                )
                taken.append((how, acted[0] - at))
                if how == "freeze":
                    leader.process.send_signal(signal.SIGCONT)
                    eventually(lambda leader=leader: "Lost Lease" in leader.logs())
                else:
                    assert leader.process.wait(120) == (0 if how == "end" else -9)
                    operators.append(start(name=f"operator-{len(operators)}"))
    finally:
        over.set()
        changing.join()

    for number in range(5):
        eventually(lambda number=number: here.told())
    print("takeovers:", ", ".join(f"{how} {seconds:.1f} s" for how, seconds in taken))
    assert len({who for _, who in audit.others()}) > 1
    assert audit.intruders() == []


def _wait_for_a_leader(operators: list[Any], audit: Audit) -> tuple[Any, Any]:
    def look() -> tuple[Any, Any]:
        alive = [one for one in operators if one.process.poll() is None]
        holder = audit.changes()[-1][1]
        assert holder
        leader = operators[int(holder.removeprefix("operator "))]
        (standby,) = [one for one in alive if one is not leader]
        assert leader in alive
        assert "Caches synced" in standby.logs()
        return leader, standby

    try:
        return eventually(look)
    except AssertionError as error:
        error.add_note("\n".join(one.logs()[-2000:] for one in operators[-3:]))
        raise


def test_sigterm_in_the_middle_of_work_leaves_nothing_half_done(
    start: Callable[..., Any], world: Any, api: Any
) -> None:
    first = start()
    first.says("Became leader")
    here = world()
    for number in range(30):
        here.create(f"x{number}")
    eventually(lambda: here.items("Deployment"))
    assert first.stop() == 0
    assert api.get(LEASE)["spec"]["holderIdentity"] == ""
    assert "Traceback" not in first.logs()
    written = len(first.writes())

    start()
    eventually(lambda: here.told() and len(here.items("Service")) == 30)
    assert here.orphans() == []
    assert len(first.writes()) == written


def test_it_may_be_told_to_end_at_any_moment_and_ends_without_a_traceback(
    start: Callable[..., Any], world: Any, kit: Any, times: Any, seeds: Any
) -> None:
    here = world()
    for number in range(30):
        here.create(f"x{number}")
    with kit.seeded(next(seeds(1))) as random:
        for round_ in range(times(10)):
            operator = start(name=f"operator-{round_}")
            operator.says("Became leader")
            time.sleep(random.uniform(0.0, 0.6))  # the lists, the first objects, all of them
            assert operator.stop() == 0
            bad = ("Traceback", "RuntimeWarning", "Cleanup activity", "kopf left tasks behind")
            lines = operator.logs().splitlines()
            assert [line for line in lines if any(word in line for word in bad)] == []
            for number in range(30):
                here.api.patch(here.hello(f"x{number}"), {"spec": {"replicas": round_}})
