"""The memory of the operator among the largest objects that the API server takes."""

import json
import os
import re
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kopfkit.host import ports
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

# HelloWorlds with all the annotations they may have (256 KiB), some of them with labels besides, up
# to what etcd takes (1.5 MiB), and Deployments of that size that say they are ours. A longer run
# takes another number.
COUNT = int(os.environ.get("LARGE_OBJECTS", "100"))
LABELLED = COUNT // 8
STRAYS = 12
# MiB that all of them may cost, while they come and after a restart: a page of a list or some
# events at a time, and a few KiB for each object. Kept and decoded whole they cost twice as much.
MOST = 48


def largest(number: int, namespace: str) -> dict[str, Any]:
    """A HelloWorld with as many bytes of annotations as there may be."""
    notes = {f"evil.example.com/{n}": "\u4f60" * 17_000 for n in range(5)}
    metadata = {"name": f"large-{number}", "namespace": namespace, "annotations": notes}
    return {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorld",
        "metadata": metadata,
        "spec": {"replicas": 0},
    }


def labelled(number: int, namespace: str) -> dict[str, Any]:
    """A HelloWorld as large as etcd takes it: of labels only each one's own length is limited."""
    made = largest(number, namespace)
    prefix = f"{'e' * 61}.{'v' * 61}.{'i' * 61}.{'l' * 61}"
    labels = {f"{prefix}/{n:063}": "x" * 63 for n in range(3_400)}
    return {**made, "metadata": {**made["metadata"], "labels": labels}}


def child(number: int, namespace: str) -> dict[str, Any]:
    """A Deployment that says it is one of ours, and is as large as etcd takes it."""
    labels = {"app.kubernetes.io/managed-by": "helloworld-operator"}
    labels["app.kubernetes.io/name"] = "helloworld"
    metadata = {"name": f"stray-{number}", "namespace": namespace, "labels": labels}
    environment = [{"name": "V", "value": "x" * 1_400_000}]
    container = {"name": "c", "image": "example.com/x:1", "env": environment}
    template = {"metadata": {"labels": {"app": "stray"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "stray"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def most(pid: int) -> float:
    """The most memory a process ever had resident, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


@pytest.fixture
def standby(start: Callable[..., Any], namespace: str) -> Callable[[], tuple[int, int]]:
    """Starts an operator that fills its caches and never leads, for it may not have a Lease here:
    what is measured is what it keeps. Gives its process id and the port of its metrics."""

    def make() -> tuple[int, int]:
        (port,) = ports.free(1)
        one = start(f"--metrics-port={port}", f"--lease-namespace={namespace}")
        one.says("Caches synced")
        return one.process.pid, port

    return make


def known(port: int) -> int:
    """How many HelloWorlds an operator knows."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(r'objects\{kind="HelloWorld"\} (\d+)', text)
    assert found, text
    return int(found[1])


def stored(api: Api) -> int:
    """How many HelloWorlds there are: those of tests before are still going."""
    page = api.get("/apis/test.jiaozi.com/v1/helloworlds", limit="1")
    return len(page["items"]) + int(page["metadata"].get("remainingItemCount", 0))


def test_the_largest_objects_cost_a_bounded_part_of_the_memory_also_after_a_restart(
    api: Api, namespace: str, standby: Callable[[], tuple[int, int]]
) -> None:
    watching, port = standby()
    before = most(watching)

    with ThreadPoolExecutor(4) as pool:
        kinds = [labelled] * LABELLED + [largest] * (COUNT - LABELLED)
        made = [pool.submit(api.create, one(n, namespace)) for n, one in enumerate(kinds)]
        made += [pool.submit(api.create, child(n, namespace)) for n in range(STRAYS)]
        for each in made:
            each.result()
    sizes = [
        len(json.dumps(each.result(), ensure_ascii=False).encode()) for each in made[:LABELLED]
    ]
    assert min(sizes) > 1_500_000, sizes
    eventually(lambda: known(port) == stored(api) >= COUNT)
    while_they_came = most(watching)
    restarted, other = standby()
    eventually(lambda: known(other) == stored(api) >= COUNT)
    after_a_restart = most(restarted)

    print(f"MiB: {before:.0f} before, {while_they_came:.0f}, {after_a_restart:.0f} after a restart")
    assert while_they_came < before + MOST
    assert after_a_restart < before + MOST
