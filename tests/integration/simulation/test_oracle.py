"""The API server as the oracle: it refuses what the offline check of objects refuses, and no more.

Objects are generated from the CRD's schemas, and most are then broken in one place. Each is created
as a dry run through the version that is stored, so that nobody has to convert.
"""

import copy
import os
import random
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD
from kopfkit.simulation import preflight
from kopfkit.testing.generation import ObjectMaker, RandomChoices

# Objects of each version; KOPFKIT_SIMULATION_OBJECTS for a longer run.
COUNT = int(os.environ.get("KOPFKIT_SIMULATION_OBJECTS", "150"))
# What a field is given in place of its value.
WRONG = (None, -1, 0, 1.5, 10**10, "", "no such thing", "x" * 3000, [], {}, True, ["a"], {"a": 1})


@pytest.fixture(scope="module", params=["v1", "v1alpha1"])
def hello(request: Any, install: Any) -> Any:
    """HelloWorld's CRD without a webhook, storing one version and then the other."""
    return install(resource=HELLOWORLD, storage=request.param), request.param


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below a value."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    found = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], dict | list):
            found += places(value[key])
    return found


def broken(obj: Any, chance: random.Random) -> Any:
    """A copy with one value of the spec exchanged, or gone."""
    found = copy.deepcopy(obj)
    inside = places(found.setdefault("spec", {}))
    container, key = chance.choice([(found, "spec"), *inside])
    if chance.random() < 0.2:
        del container[key]
    else:
        container[key] = copy.deepcopy(chance.choice(WRONG))
    return found


def test_the_offline_check_and_the_api_server_refuse_the_same_objects(hello: Any) -> None:
    installed, version = hello
    crd = installed.crd()
    chance = random.Random(4711)
    maker, choices = ObjectMaker(crd, version, without=["status"]), RandomChoices(4711)
    apart, refused = [], 0
    for number in range(COUNT):
        obj = maker.valid(choices, f"o{number}")
        obj["metadata"]["name"] = f"o{number}"
        if number % 5:
            obj = broken(obj, chance)
        offline = preflight(crd, crd, {version: [obj]})
        path = f"{installed.path(version)}?dryRun=All&fieldValidation=Ignore"
        answer = installed.api("POST", path, obj)
        refused += answer.status == 422
        assert answer.status in (201, 422), answer.body
        if bool(offline) is not (answer.status == 422):
            apart.append((obj["spec"], list(map(str, offline)), answer.body.get("message")))
    assert apart == []
    # Neither side was asked for nothing.
    assert COUNT * 0.2 < refused < COUNT * 0.8
