"""The Deployments of an operator as `kopfkit dev` applies them, and the files that it sends."""

import base64
import copy
import io
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kopfkit.local import podloader
from kopfkit.toolchain.kubectl import Object

# Where the files are in a pod; its root file system is read-only.
PLACE = "/kopfkit-dev"
VOLUME = "kopfkit-dev"
# Reads a tar in base64 from its input, puts it in the place of what was there, and has PID 1 start
# it. No symbolic link: a debugger would show the files by the directory that it leads to.
RECEIVE = f"""\
import base64, io, os, shutil, signal, sys, tarfile
fresh, now, old = ("{PLACE}/" + name for name in ("fresh", "src", "old"))
for path in (fresh, old):
    shutil.rmtree(path, ignore_errors=True)
with tarfile.open(fileobj=io.BytesIO(base64.b64decode(sys.stdin.read()))) as archive:
    archive.extractall(fresh)
if os.path.exists(now):
    os.rename(now, old)
os.rename(fresh, now)
os.kill(1, signal.SIGHUP)
"""
# Exits with status 0 if something in the pod listens on 127.0.0.1 at the port that is its argument.
# It does not connect: debugpy would take that for its client. Columns and the state 0A (listen) are
# those of proc_net_tcp in the kernel's documentation.
LISTENS = """\
import sys
port = f":{int(sys.argv[1]):04X}"
with open("/proc/net/tcp") as table:
    rows = [row.split() for row in table]
sys.exit(not any(row[1].endswith(port) and row[3] == "0A" for row in rows))
"""


def developed(deployment: Object, words: Sequence[str], more: Sequence[str] = ()) -> Object:
    """A Deployment of one pod that runs what is sent to it.

    Args:
        deployment: as kustomize makes it, with one container of the operator's image.
        words: what Python is given to run, before the container's own arguments.
        more: arguments behind them.
    """
    found = copy.deepcopy(deployment)
    spec = found["spec"]
    spec["replicas"] = 1
    # No second pod, which would run other code. Not Recreate: server-side apply leaves the
    # rollingUpdate that the API server has filled in, and then both are refused.
    spec["strategy"] = {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    loader = Path(podloader.__file__).read_text("utf-8")
    container["command"] = ["python3", "-u", "-c", loader, PLACE, *words]
    container["args"] = [*container.get("args", []), *more]
    # A process that a saved mistake has ended, or that stands at a breakpoint, is no reason to
    # start the container anew, and a debugger takes memory.
    for key in ("livenessProbe", "startupProbe"):
        container.pop(key, None)
    container.get("resources", {}).pop("limits", None)
    container.setdefault("volumeMounts", []).append({"name": VOLUME, "mountPath": PLACE})
    pod.setdefault("volumes", []).append({"name": VOLUME, "emptyDir": {"sizeLimit": "256Mi"}})
    return found


def archive(packages: Iterable[Path]) -> str:
    """A compressed tar of Python packages, each in a directory of its name, in base64.

    Args:
        packages: directories, or single modules.
    """
    buffer = io.BytesIO()

    def kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        name = member.name.rpartition("/")[2]
        return None if name == "__pycache__" else member

    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as made:
        for package in packages:
            made.add(package, package.name, filter=kept)
    return base64.b64encode(buffer.getvalue()).decode()


def running(pods: Iterable[Any]) -> list[Any]:
    """Those pods whose container of the operator runs and that are not about to end."""
    return [
        pod
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and any(
            "running" in status.get("state", {})
            for status in pod.get("status", {}).get("containerStatuses", [])
        )
    ]
