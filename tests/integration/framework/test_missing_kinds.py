"""Kinds that the cluster does not have: not yet, no longer, and again."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.crd import custom_resource_definition
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

from .conftest import Plane

MISSING = "controller of Shelf: the cluster does not serve Widget (widgets.parts.example.com, v1)"
ARRIVED = "controller of Shelf: the cluster serves Widget (widgets.parts.example.com, v1) now"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}.parts.example.com"


@pytest.fixture
def shelves(plane: Plane, start: Any) -> Any:
    module = plane.install("shelves")
    yield module, lambda: start(operator="shelves")
    for plural in ("widgets", "gadgets"):
        path = CRD.format(plural)
        if plane.api.exists(path):
            plane.api.delete(path)
            eventually(lambda path=path: not plane.api.exists(path))


def place(namespace: str, kind: str, name: str) -> str:
    group = "tests" if kind == "shelves" else "parts"
    return f"/apis/{group}.example.com/v1/namespaces/{namespace}/{kind}/{name}"


def test_a_kind_that_comes_and_goes_stops_nobody_and_is_picked_up(
    shelves: Any, api: Api, namespace: str
) -> None:
    module, start = shelves
    widgets, gadgets = module.PARTS
    process = start()
    process.says(MISSING)
    process.says("Became leader")
    (port,) = re.findall(r"health port (\d+)", process.logs())
    eventually(lambda: _status(f"http://127.0.0.1:{port}/readyz") == 200)

    def shelf(name: str, **spec: Any) -> Callable[[], Any]:
        body = {"apiVersion": "tests.example.com/v1", "kind": "Shelf", "spec": spec}
        api.create({**body, "metadata": {"name": name, "namespace": namespace}})
        return lambda: api.get(place(namespace, "shelves", name)).get("status", {})

    def degraded(status: Any) -> Any:
        found = [it for it in status().get("conditions", ()) if it["type"] == "Degraded"]
        return [(it["status"], it["reason"]) for it in found]

    plain, insisting = shelf("plain", gadget="knob"), shelf("insisting", insists=True, size=2)
    eventually(lambda: degraded(plain) == [("False", "AsExpected")])
    eventually(lambda: degraded(insisting) == [("True", "KindMissing")])
    assert plain()["gadget"] == "unknown"

    def config_map_is_repaired() -> None:
        path = f"/api/v1/namespaces/{namespace}/configmaps/plain"
        api.patch(path, {"data": {"shelf": "edited"}})
        eventually(lambda: api.get(path)["data"] == {"shelf": "plain"})

    config_map_is_repaired()

    def widgets_are_made_and_repaired() -> None:
        eventually(lambda: plain().get("widgets") == 1)
        eventually(lambda: degraded(insisting) == [("False", "AsExpected")])
        widget = place(namespace, "widgets", "insisting")
        api.patch(widget, {"spec": {"size": 7}})
        eventually(lambda: api.get(widget)["spec"]["size"] == 2)

    api.create(custom_resource_definition(widgets))
    widgets_are_made_and_repaired()
    process.says(ARRIVED)
    assert plain()["gadget"] == "unknown"

    api.create(custom_resource_definition(gadgets))
    eventually(lambda: "gadget" not in plain())
    knob = {"apiVersion": "parts.example.com/v1", "kind": "Gadget", "spec": {"colour": "red"}}
    api.create({**knob, "metadata": {"name": "knob", "namespace": namespace}})
    eventually(lambda: plain().get("gadget") == "red")

    api.delete(CRD.format("widgets"))
    eventually(lambda: "widgets" not in plain())
    eventually(lambda: degraded(insisting) == [("True", "KindMissing")])
    config_map_is_repaired()
    api.patch(place(namespace, "gadgets", "knob"), {"spec": {"colour": "blue"}})
    eventually(lambda: plain().get("gadget") == "blue")

    eventually(lambda: not api.exists(CRD.format("widgets")))
    api.create(custom_resource_definition(widgets))
    widgets_are_made_and_repaired()
    config_map_is_repaired()
    assert (process.logs().count(MISSING), process.logs().count(ARRIVED)) == (2, 2)
    assert process.stop() == 0, process.logs()
    assert process.faults() == []


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
