"""Ownership of fields changes hands: ours by updating, and whatever contradicts ours."""

from typing import Any

from kopfkit.runtime.api.contradictions import Path
from kopfkit.runtime.api.managedfields import strays, take_over, was_written_by

ME = "us"
HTTP = 'k:{"port":8888,"protocol":"TCP"}'
# The order of the keys in text is no part of their meaning.
PORT: Path = ("spec", "ports", (("protocol", "TCP"), ("port", 8888)))


def entry(manager: str, fields: Any, operation: str = "Apply", **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def live(*entries: Any) -> dict[str, Any]:
    metadata = {"resourceVersion": "9", "managedFields": list(entries)}
    return {"apiVersion": "v1", "metadata": metadata}


def after(patch: Any) -> Any:
    assert patch is not None
    assert patch[1] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "9"}
    return patch[0]["value"]


def test_what_contradicts_is_taken_with_all_below_it_from_everybody() -> None:
    ours = entry(ME, {"f:spec": {"f:type": {}}})
    port = {"f:spec": {"f:ports": {HTTP: {".": {}, "f:name": {}}}}}
    other = entry("kubectl-edit", {**port, "f:metadata": {"f:labels": {}}}, "Update")
    entries = after(take_over(live(ours, other, entry("argocd", port)), ME, [PORT]))

    assert entries == [
        entry(ME, {"f:spec": {"f:type": {}, "f:ports": {HTTP: {".": {}, "f:name": {}}}}}),
        # The one who owns nothing more is gone; the other keeps the rest.
        entry("kubectl-edit", {"f:metadata": {"f:labels": {}}}, "Update"),
    ]
    assert take_over(live(*entries), ME, [PORT]) is None


def test_what_nobody_owns_becomes_ours_too() -> None:
    (ours,) = after(take_over(live(), ME, [PORT, ("spec", "externalName")]))
    assert ours["manager"] == ME
    assert ours["operation"] == "Apply"
    assert ours["fieldsType"] == "FieldsV1"
    assert ours["fieldsV1"] == {
        "f:spec": {"f:ports": {HTTP: {".": {}}}, "f:externalName": {}},
    }


def test_the_status_of_a_controller_is_not_touched() -> None:
    status = entry("controller", {"f:spec": {"f:externalName": {}}}, subresource="status")
    _, kept = after(take_over(live(status), ME, [("spec", "externalName")]))
    assert kept == status


def test_strays_are_others_fields_inside_of_what_we_set() -> None:
    item = 'k:{"name":"main"}'
    fields = {
        "f:metadata": {"f:labels": {"f:a": {}}},
        "f:spec": {
            "f:paused": {},
            "f:containers": {
                item: {".": {}, "f:resources": {"f:limits": {"f:x": {}}}, "f:name": {}},
                'k:{"name":"sidecar"}': {".": {}, "f:image": {}},
            },
        },
    }
    wanted = {"spec": {"containers": [{"name": "main", "resources": {"limits": {}}}]}}
    found = strays(wanted, live(entry("other", fields), entry(ME, {"f:spec": {"f:z": {}}})), ME)
    inside = ("spec", "containers", (("name", "main"),), "resources", "limits", "x")
    assert found == [("spec", "paused"), inside]


def test_who_wrote_an_object_is_known_by_its_fields() -> None:
    assert was_written_by(live(entry(ME, {})), ME)
    assert not was_written_by(live(entry("other", {}), entry(ME, {}, subresource="status")), ME)
    assert not was_written_by({"metadata": {}}, ME)
