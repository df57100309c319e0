"""One look at a Job that copies: its pods, and why there is none.

A Job tells in no status that its pods are refused, by a quota, a LimitRange or an admission policy.
Its controller says it in Events. They are read only while a Job has made no pod. Such a Job is made
again when that can help: it would be made otherwise now (spec.resources or the namespace's limits
have changed), there is room in the quota, or its time is over without a try.
"""

from dataclasses import dataclass
from typing import Final

from helloworld_operator.controller import jobs, limits
from helloworld_operator.controller.observe import PODS, PODS_SHAPE, QUOTAS, RANGES, mapping
from helloworld_operator.controller.observed import Problem
from helloworld_operator.controller.quotas import Quotas, Waiter
from helloworld_operator.controller.troubles import refusal
from kopfkit.runtime.client import Client, Object
from kopfkit.runtime.resources import EVENTS
from kopfkit.runtime.shapes import Shape

# Why a controller made no pod (Kubernetes, pkg/controller/controller_utils.go).
_FAILED: Final = "FailedCreate"


@dataclass(frozen=True)
class Attempt:
    """What was found.

    Attributes:
        state: what has become of the Job.
        pods: of it.
        refused: why it has none; None while it may only not have come to it yet.
        again: why the Job is to be deleted and made again, or "".
    """

    state: jobs.State
    pods: list[Object]
    refused: Problem | None = None
    again: str = ""


class Attempts:
    """Looks at Jobs.

    Args:
        client: reads pods, Events and limits.
        quotas: knows who waits for room.
    """

    def __init__(self, client: Client, quotas: Quotas) -> None:
        self._client, self._quotas = client, quotas

    async def resources(self, namespace: str, wanted: Object) -> Object:
        """What a Job's container is to ask for in a namespace.

        Args:
            namespace: of the Job.
            wanted: what the pods of its HelloWorld ask for.
        """
        ranges, _ = await self._client.list(RANGES, namespace, shape=Shape())
        quotas, _ = await self._client.list(QUOTAS, namespace, shape=Shape())
        return limits.fitted(wanted, ranges, quotas)

    async def look(self, waiter: Waiter, job: Object, wanted: Object | None) -> Attempt:
        """Look at a Job.

        Args:
            waiter: who waits for it.
            job: as last seen.
            wanted: what the pods of its HelloWorld ask for; None where that is not known.
        """
        state, namespace = jobs.state(job), job["metadata"]["namespace"]
        uid = job["metadata"]["uid"]
        found, _ = await self._client.list(
            PODS, namespace, labels=f"{jobs.POD_LABEL}={uid}", shape=PODS_SHAPE
        )
        pods = jobs.pods_of(job, found)
        if pods or not state.untried or state.ended == "complete":
            self._quotas.wait(waiter, "")
            return Attempt(state, pods)
        message = await self._why(namespace, uid)
        room = self._quotas.wait(waiter, message)
        refused = refusal(message)
        if state.ended:
            return Attempt(state, pods, refused, "its time was over before it had a pod")
        if refused is None:
            return Attempt(state, pods)
        if room:
            return Attempt(state, pods, refused, "there is room in the quota")
        made = mapping(job["metadata"].get("annotations")).get(jobs.RESOURCES)
        if wanted is not None:
            now = limits.signature(await self.resources(namespace, wanted))
            if made != now:
                return Attempt(state, pods, refused, "other resources are wanted now")
        return Attempt(state, pods, refused)

    async def _why(self, namespace: str, uid: str) -> str:
        """The newest words about the pods that a Job could not make, or ""."""
        events, _ = await self._client.list(
            EVENTS, namespace, fields=f"regarding.uid={uid},reason={_FAILED}", shape=Shape()
        )
        newest = max(events, key=_time, default={})
        # `Error creating: pods "x-snapshot-abcde" is forbidden: ...`
        return str(newest.get("note", "")).removeprefix("Error creating: ")


def _time(event: Object) -> str:
    """When it was said last. A repeated Event keeps its name and gets another time."""
    series = mapping(event.get("series")).get("lastObservedTime")
    return str(series or event.get("deprecatedLastTimestamp") or event.get("eventTime") or "")
