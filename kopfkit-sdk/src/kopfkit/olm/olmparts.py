"""What OLM consists of, object by object, and what of it is in a cluster."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.host.progress import Progress
from kopfkit.olm import olm
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl


@dataclass(frozen=True)
class Part:
    """An object that OLM consists of, and whether it is in the cluster."""

    kind: str
    namespace: str
    name: str
    there: bool


def parts(kubeconfig: Path, progress: Progress) -> list[Part]:
    """Every object of OLM, as its chart has them, with whether it is there.

    Raises KopfkitError if the chart cannot be had, or the cluster does not answer.
    """
    kubectl = Kubectl.at(kubeconfig, progress)
    chart = toolchain.module_dir(olm.MODULE, progress) / "deploy"
    text = olm.render(chart, olm.values({"olm": "unused", "opm": "unused"}), progress)
    wanted = [yamls.read(path) for path in sorted(chart.glob("chart/crds/*.yaml"))]
    wanted += yamls.load_all(text)
    there = _there(kubectl, [one for one in wanted if olm.GROUP not in one["apiVersion"]])
    if all(kubectl.serves(kind) for kind in olm.CUSTOM):
        there |= _there(kubectl, [one for one in wanted if olm.GROUP in one["apiVersion"]])
    return [Part(*key, key in there) for key in map(_key, wanted)]


def _there(kubectl: Kubectl, wanted: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    told = kubectl.run(
        "get", "--ignore-not-found", "--output=json", "--filename=-",
        input=yamls.dump(*wanted),
    )  # fmt: skip
    return {_key(one) for one in json.loads(told)["items"]} if told.strip() else set()


def _key(one: dict[str, Any]) -> tuple[str, str, str]:
    metadata = one["metadata"]
    return one["kind"], metadata.get("namespace", ""), metadata["name"]
