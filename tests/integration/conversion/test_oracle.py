"""The API server as the oracle: what it makes of generated objects is what was predicted.

For a CRD that stores v1 and one that stores v1alpha1: created through one version, edited through
the other, read through both. The prediction is `kopfkit.testing.versions`' picture of the API
server around our converter; the property tests rely on it, so here it is held against the original.
"""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.api import HELLOWORLD
from helloworld_operator.api.conversion import ANNOTATION, converter
from kopfkit.crd import custom_resource_definition
from kopfkit.crd.structural import admit, broken_rules, schema_in
from kopfkit.testing.generation import ObjectMaker, objects
from kopfkit.testing.versions import Versions

CRD = custom_resource_definition(HELLOWORLD)
NAMES = ["v1", "v1alpha1"]
OTHER = {"v1": "v1alpha1", "v1alpha1": "v1"}
# What a create keeps; status has a request of its own.
SPECS = {name: objects(CRD, name, without=["status"], annotations=[ANNOTATION]) for name in NAMES}
WHOLE = {name: objects(CRD, name) for name in NAMES}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Objects in the test of junk.
JUNK = 120

# Each example is some ten requests to the API server.
few = budget(ci=10, soak=300)
_numbers = itertools.count()


@pytest.fixture(scope="module", params=NAMES)
def hello(request: Any, install: Any, start_webhook: Any) -> Any:
    """HelloWorld's CRD with our webhook, storing one version and then the other."""
    group = f"oracle-{request.param}.example.com"
    conversion = start_webhook(group).conversion
    return install(group, conversion=conversion, storage=request.param), request.param


def predictor(installed: Any) -> Versions:
    group = installed.resource.group
    return Versions(converter(group), {**CRD, "spec": {**CRD["spec"], "group": group}})


def of_group(installed: Any, obj: Any, name: str) -> Any:
    """The object in the group of the test's CRD, under a name of its own."""
    version = obj["apiVersion"].rpartition("/")[2]
    metadata = {**obj["metadata"], "name": name}
    return {**obj, "apiVersion": f"{installed.resource.group}/{version}", "metadata": metadata}


def shown(obj: Any) -> Any:
    """What the two sides have in common: the API server adds to metadata."""
    metadata = {key: obj["metadata"].get(key) or {} for key in ("annotations", "labels")}
    content = {key: value for key, value in obj.items() if key != "metadata"}
    # As text: == takes 1 and True for the same.
    return json.loads(json.dumps({**content, "metadata": metadata}, sort_keys=True))


@pytest.mark.parametrize(("writer", "editor"), [(a, b) for a in NAMES for b in NAMES])
@few
@given(data=st.data())
def test_an_object_that_is_written_edited_and_read_through_both_versions_is_as_predicted(
    hello: Any, writer: str, editor: str, data: st.DataObject
) -> None:
    installed, storage = hello
    versions = predictor(installed)
    name = f"g{next(_numbers)}"
    obj = of_group(installed, data.draw(SPECS[writer]), name)
    edit = of_group(installed, data.draw(SPECS[editor]), name)
    status = data.draw(WHOLE[OTHER[editor]]).get("status", {})

    installed.api("POST", installed.path(writer), obj).ok()
    stored = versions.stored(obj, storage)
    for version in NAMES:
        assert shown(installed.get(version, name)) == shown(versions.read(stored, version))

    before = installed.get(editor, name)
    # A client that edits what it has read: annotations included.
    changed = {**before, "spec": edit.get("spec", {})}
    schema = schema_in(CRD, editor)
    broken = list(broken_rules(admit(changed, schema), schema, before))
    answer = installed.api("PUT", installed.path(editor, name), changed)
    if broken:
        assert answer.status == 422, answer.body
        assert all(message in answer.message for _, message in broken)
        return
    answer.ok()
    stored = versions.stored(changed, storage)
    for version in NAMES:
        assert shown(installed.get(version, name)) == shown(versions.read(stored, version))

    now = {**installed.get(OTHER[editor], name), "status": status}
    installed.put(OTHER[editor], now, "status")
    stored = versions.stored(now, storage)
    for version in NAMES:
        assert shown(installed.get(version, name)) == shown(versions.read(stored, version))


def lax(crd: Any) -> None:
    """As a CRD from before there was a schema: everything is kept."""
    for version in crd["spec"]["versions"]:
        free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version["schema"]["openAPIV3Schema"] = free
        del version["subresources"]


@pytest.mark.parametrize("storage", NAMES)
def test_junk_from_before_there_was_a_schema_is_listed_through_both_versions_as_predicted(
    install: Any, start_webhook: Any, eventually: Any, storage: str
) -> None:
    group = f"junk-{storage}.example.com"
    conversion = start_webhook(group).conversion
    installed = install(group, change=lax, conversion=conversion, storage=storage)
    versions = predictor(installed)
    maker = ObjectMaker(CRD, storage, annotations=[ANNOTATION])
    made = {}
    for number in range(JUNK):
        obj = of_group(installed, maker.seeded(number, "junk"), f"junk-{number}")
        installed.api("POST", installed.path(storage), obj).ok()
        made[obj["metadata"]["name"]] = obj

    def harden() -> Any:
        crd = installed.crd()
        strict = custom_resource_definition(installed.resource, storage=storage)
        crd["spec"]["versions"] = strict["spec"]["versions"]
        return installed.api("PUT", f"{CRDS}/{installed.resource.crd_name}", crd)

    eventually(harden, lambda answer: answer.status == 200)
    # Once a field that nobody has is no longer kept, the schema is in force.
    probe = {"spec": {"unheard-of": 1}}
    eventually(
        lambda: installed.api(
            "POST",
            installed.path(storage) + "?dryRun=All",
            installed.object(storage, "probe", **probe),
        ).body.get("spec", probe["spec"]),
        lambda spec: "unheard-of" not in spec,
    )
    for version in NAMES:
        listed = eventually(
            lambda version=version: installed.api("GET", installed.path(version)),
            # 429: "storage is (re)initializing"; every client tries again.
            lambda answer: answer.status != 429,
        ).ok()["items"]
        assert len(listed) == JUNK
        for found in listed:
            name = found["metadata"]["name"]
            assert shown(found) == shown(versions.read(made[name], version)), name


def test_an_object_of_a_megabyte_goes_through_both_versions(hello: Any) -> None:
    installed, storage = hello
    versions = predictor(installed)
    conditions = [
        {
            "type": f"Aspect{number}",
            "status": "True",
            "reason": "Ready",
            "message": chr(0x4E00 + number) * 10_000 + "<&>" * 500,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for number in range(32)
    ]
    spec = {"greeting": {"language": "zh"}, "resources": {"limits": {"cpu": 1}}}
    note = {"note": "n" * 200_000}  # leaves room for what the converter keeps, and not much
    installed.make("v1", "megabyte", note, spec=spec).ok()
    now = {**installed.get("v1alpha1", "megabyte"), "status": {"conditions": conditions}}
    assert len(json.dumps(now, ensure_ascii=False).encode()) > 1_000_000
    installed.put("v1alpha1", now, "status")
    stored = versions.stored(now, storage)
    for version in NAMES:
        assert shown(installed.get(version, "megabyte")) == shown(versions.read(stored, version))
    assert installed.get("v1", "megabyte")["spec"]["resources"] == spec["resources"]
