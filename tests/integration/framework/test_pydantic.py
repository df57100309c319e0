"""An operator whose types are Pydantic models, on a real API server."""

from typing import Any

import pytest

from kopfkit.testing.client import Api, ApiError
from kopfkit.testing.waiting import eventually

from .conftest import Plane

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/parcels.tests.example.com"


def test_models_are_enforced_by_the_api_server_and_decoded_by_the_controller(
    plane: Plane, start: Any, api: Api, namespace: str
) -> None:
    plane.install("parcels")
    process = start(operator="parcels")

    def path(name: str) -> str:
        return f"/apis/tests.example.com/v1/namespaces/{namespace}/parcels/{name}"

    def create(name: str, **spec: Any) -> None:
        body = {"apiVersion": "tests.example.com/v1", "kind": "Parcel", "spec": spec}
        api.create({**body, "metadata": {"name": name, "namespace": namespace}})

    def degraded(name: str) -> Any:
        conditions = api.get(path(name))["status"]["conditions"]
        (found,) = [each for each in conditions if each["type"] == "Degraded"]
        return found["status"], found["message"]

    create("plain", label={"streetName": "High Street"})
    eventually(lambda: api.get(path("plain"))["status"]["totalWeight"] == 2)
    assert api.get(path("plain"))["spec"]["weight"] == 1
    config = api.get(f"/api/v1/namespaces/{namespace}/configmaps/plain")
    assert config["data"] == {"street": "High Street"}
    assert degraded("plain") == ("False", "")

    with pytest.raises(ApiError, match=r"spec\.weight.*less than or equal to 9"):
        create("heavy", weight=10)
    create("odd", weight=7)  # which the schema cannot say
    told = ("True", "spec.weight: 7 kilograms are too many for one and too few for two")
    eventually(lambda: degraded("odd") == told)

    # As an older release may have had it.
    versions = api.get(CRD)["spec"]["versions"]
    spec = versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    spec["weight"]["maximum"] = 99
    api.patch(CRD, {"spec": {"versions": versions}})
    eventually(lambda: create("large", weight=50) is None)
    eventually(lambda: degraded("large") == ("True", "spec.weight: Expected int <= 9"))
    assert process.stop() == 0, process.logs()
    assert process.faults() == []
