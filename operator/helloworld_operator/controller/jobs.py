"""The Jobs that copy a guest book and fill a volume. Pure.

Their pods are never matched by a HelloWorld's Service or Deployment: they carry none of its
selector labels.
"""

from collections.abc import Mapping
from typing import Any, Final

from helloworld_operator.controller.names import common_labels
from kopfkit.controller import one_shot, restricted_container, restricted_pod
from kopfkit.controller.limits import signature
from kopfkit.termination import HOPELESS

Raw = dict[str, Any]

_COPY: Final = "/snapshot"
_DATA: Final = "/data"
# On a Job: the resources it was made with, as `limits.signature` spells them.
RESOURCES: Final = "test.jiaozi.com/resources"


def snapshot(metadata: Raw, image: str, resources: Raw, url: str, claim: str) -> Raw:
    """The Job that copies a running guest book.

    Args:
        metadata: of the Job.
        image: the operator's own.
        resources: of its container (`limits.fitted`).
        url: of the greeting server.
        claim: name of the claim that is written to.
    """
    command = ("snapshot", f"--from={url}", f"--to={_COPY}")
    return _job(metadata, image, resources, "snapshot", command, {claim: (_COPY, False)})


def restore(metadata: Raw, image: str, resources: Raw, source: str, claim: str, sha256: str) -> Raw:
    """The Job that fills an empty volume.

    Args:
        metadata: of the Job.
        image: the operator's own.
        resources: of its container (`limits.fitted`).
        source: name of the claim that holds the copy; only read.
        claim: name of the claim that is filled.
        sha256: the copy's checksum in hexadecimal.
    """
    command = ("restore", f"--from={_COPY}", f"--to={_DATA}", f"--sha256={sha256}")
    mounts = {source: (_COPY, True), claim: (_DATA, False)}
    return _job(metadata, image, resources, "restore", command, mounts)


def _job(
    metadata: Raw,
    image: str,
    resources: Raw,
    component: str,
    command: tuple[str, ...],
    claims: Mapping[str, tuple[str, bool]],
) -> Raw:
    volumes, mounts = [], []
    for number, (claim, (path, read_only)) in enumerate(claims.items()):
        name = f"volume-{number}"
        # The claim itself is mounted for writing: some storage refuses to mount one read-only
        # whose volume was not made for it. The container cannot write.
        volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claim}})
        mounts.append({"name": name, "mountPath": path, "readOnly": read_only})
    container = restricted_container(
        "copy",
        image,
        args=list(command),
        resources=resources,
        volumeMounts=mounts,
        # The command writes its outcome there; what dies before it can is told by its last lines.
        terminationMessagePolicy="FallbackToLogsOnError",
    )
    annotations = {**metadata.get("annotations", {}), RESOURCES: signature(resources)}
    made = {**metadata, "annotations": annotations}
    pod = restricted_pod(container, volumes=volumes)
    return one_shot(made, pod, common_labels(component), final=HOPELESS)
