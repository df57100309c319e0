"""Jobs: what has become of one, the last words of its pods, and why it has none.

A Job tells in no status that its pods are refused, by a quota, a LimitRange or an admission policy.
Its controller says it in Events. They are read only while a Job has made no pod. Such a Job is
worth another try when that can help: it would be made otherwise now (other resources are wanted, or
the namespace's limits have changed), there is room in the quota, or its time is over without a try.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kopfkit.controller import limits
from kopfkit.controller.kinds import EVENTS, LIMIT_RANGES, PODS, RESOURCE_QUOTAS
from kopfkit.controller.outcome import Problem
from kopfkit.controller.owners import controller_of, mapping
from kopfkit.controller.podfailures import SHAPE, refusal
from kopfkit.controller.quotas import Quotas, Waiter
from kopfkit.runtime.api.resources import Object
from kopfkit.runtime.api.shapes import Shape

if TYPE_CHECKING:
    from kopfkit.runtime.api.client import Client

# Selects a Job's pods by the Job's uid (set by the Job's controller).
_POD_LABEL: Final = "batch.kubernetes.io/controller-uid"
# Why a controller made no pod (Kubernetes, pkg/controller/controller_utils.go).
_FAILED: Final = "FailedCreate"


@dataclass(frozen=True)
class JobState:
    """What has become of a Job.

    Attributes:
        ended: "complete", "failed", or "" while it is at work.
        message: why it failed, in the words of the Job's controller.
        untried: whether it has not made a pod yet.
        pods: of it, as far as they were looked for.
        refused: why it has none; None while it may only not have come to it yet.
        again: why it is worth another try: to be deleted and made again; "" where it is not.
    """

    ended: str = ""
    message: str = ""
    untried: bool = False
    pods: tuple[Object, ...] = field(default=(), hash=False)
    refused: Problem | None = None
    again: str = ""

    @property
    def words(self) -> str:
        """What the command said at its end (its termination message): that of a pod that succeeded,
        or of the newest that failed; "" where none has said anything."""
        ended = []
        for status in _containers(self.pods):
            done = mapping(mapping(status.get("state")).get("terminated"))
            if done.get("message"):
                succeeded = done.get("exitCode") == 0
                ended.append((succeeded, str(done.get("finishedAt", "")), str(done["message"])))
        return max(ended)[2] if ended else ""

    @property
    def outcome(self) -> dict[str, Any] | None:
        """The JSON object that the command said at its end; None where it said nothing. Words that
        are none come as `error`."""
        if not self.words:
            return None
        try:
            found = json.loads(self.words)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {"error": self.words[-500:].strip()}

    @property
    def hint(self) -> str:
        """Why a pod does not start, as far as its status says; "" where it says nothing."""
        for pod in self.pods:
            for each in _items(mapping(pod.get("status")).get("conditions")):
                if each.get("type") == "PodScheduled" and each.get("status") == "False":
                    return str(each.get("message", ""))
            for status in _containers([pod]):
                waiting = mapping(mapping(status.get("state")).get("waiting"))
                if waiting.get("message"):
                    return f"{waiting.get('reason')}: {waiting['message']}"
        return ""


def job_state(job: Object, pods: Iterable[Object] = ()) -> JobState:
    """What has become of a Job, by its status.

    Args:
        job: as read.
        pods: candidates for its pods: a label alone can be anybody's.
    """
    status, uid = mapping(job.get("status")), job["metadata"].get("uid")
    untried = not any(status.get(count) for count in ("active", "failed", "succeeded"))
    own = tuple(pod for pod in pods if controller_of(pod).get("uid") == uid)
    for each in _items(status.get("conditions")):
        if each.get("status") != "True":
            continue
        if each.get("type") == "Complete":
            return JobState("complete", pods=own)
        if each.get("type") == "Failed":
            text = f"{each.get('reason', '')}: {each.get('message', '')}"
            return JobState("failed", text, untried, own)
    return JobState(untried=untried, pods=own)


class JobReader:
    """Looks at Jobs.

    Args:
        client: reads pods, Events and limits.
        quotas: knows who waits for room.
        key: the annotation of a Job that holds the resources it was made with, as
            `limits.signature` spells them.
    """

    def __init__(self, client: "Client", quotas: Quotas, key: str) -> None:
        self._client, self._quotas, self._key = client, quotas, key

    async def resources(self, namespace: str, wanted: Object) -> Object:
        """What a Job's container is to ask for in a namespace (`limits.fitted`)."""
        ranges, _ = await self._client.list(LIMIT_RANGES.resource, namespace, shape=Shape())
        quotas, _ = await self._client.list(RESOURCE_QUOTAS.resource, namespace, shape=Shape())
        return limits.fitted(wanted, ranges, quotas)

    async def look(self, waiter: Waiter, job: Object, wanted: Object | None) -> JobState:
        """Look at a Job and its pods.

        Args:
            waiter: who waits for it.
            job: as last seen.
            wanted: what its container is to ask for, before it is fitted; None where that is not
                known.
        """
        namespace, uid = job["metadata"]["namespace"], job["metadata"]["uid"]
        found, _ = await self._client.list(
            PODS.resource, namespace, labels=f"{_POD_LABEL}={uid}", shape=SHAPE
        )
        state = job_state(job, found)
        if state.pods or not state.untried or state.ended == "complete":
            self._quotas.wait(waiter, "")
            return state
        message = await self._why(namespace, uid)
        room = self._quotas.wait(waiter, message)
        refused = refusal(message)
        again = ""
        if state.ended:
            again = "its time was over before it had a pod"
        elif refused is not None and room:
            again = "there is room in the quota"
        elif refused is not None and wanted is not None:
            made = mapping(job["metadata"].get("annotations")).get(self._key)
            if made != limits.signature(await self.resources(namespace, wanted)):
                again = "other resources are wanted now"
        return JobState(state.ended, state.message, True, (), refused, again)

    async def _why(self, namespace: str, uid: str) -> str:
        """The newest words about the pods that a Job could not make, or ""."""
        selector = f"regarding.uid={uid},reason={_FAILED}"
        events, _ = await self._client.list(
            EVENTS.resource, namespace, fields=selector, shape=Shape()
        )
        newest = max(events, key=_time, default={})
        # `Error creating: pods "x-snapshot-abcde" is forbidden: ...`
        return str(newest.get("note", "")).removeprefix("Error creating: ")


def _time(event: Object) -> str:
    """When it was said last. A repeated Event keeps its name and gets another time."""
    series = mapping(event.get("series")).get("lastObservedTime")
    return str(series or event.get("deprecatedLastTimestamp") or event.get("eventTime") or "")


def _items(found: object) -> list[Object]:
    return [mapping(each) for each in (found if isinstance(found, list) else [])]


def _containers(pods: Iterable[Object]) -> list[Object]:
    """The states of the containers of pods."""
    return [
        each for pod in pods for each in _items(mapping(pod.get("status")).get("containerStatuses"))
    ]
