"""The wanted claim, and what a claim says about its volume."""

from typing import Any

import pytest

from helloworld_operator.api import v1
from helloworld_operator.controller import volumes
from kopfkit.controller import capacity, growing, infeasible


def live(asked: str, has: str = "", **status: Any) -> dict[str, Any]:
    """A claim as it is; bound where it has something."""
    if has:
        status = {"phase": "Bound", "capacity": {"storage": has}, **status}
    spec = {"resources": {"requests": {"storage": asked}}, "storageClassName": "old"}
    return {"metadata": {"name": "x-data"}, "spec": spec, "status": status}


def asked(size: int | str, there: dict[str, Any] | None) -> Any:
    made = volumes.claim("x", v1.Persistence(size=size), there, "-")
    return made["spec"]["resources"]["requests"]["storage"]


@pytest.mark.parametrize(
    ("size", "there", "expected"),
    [
        ("64Mi", None, "64Mi"),
        (1048576, None, "1048576"),
        ("128Mi", live("64Mi", "64Mi"), "128Mi"),
        # Never less than there is; the same in another spelling is no less.
        ("32Mi", live("64Mi", "64Mi"), "64Mi"),
        ("1Gi", live("1024Mi", "1Gi"), "1Gi"),
        # One that is not bound yet cannot grow.
        ("128Mi", live("64Mi"), "64Mi"),
    ],
)
def test_a_claim_asks_for_what_is_wanted_and_never_for_less_than_it_has(
    size: int | str, there: dict[str, Any] | None, expected: str
) -> None:
    assert asked(size, there) == expected


def test_a_claim_keeps_its_class() -> None:
    wanted = v1.Persistence(storage_class_name="new")

    fresh = volumes.claim("x", wanted, None, "")
    kept = volumes.claim("x", wanted, live("64Mi", "64Mi"), "")
    default = volumes.claim("x", v1.Persistence(), live("64Mi", "64Mi"), "")

    assert fresh["spec"]["storageClassName"] == "new"
    assert kept["spec"]["storageClassName"] == "old"
    assert "storageClassName" not in default["spec"]


def test_a_claim_notes_what_it_was_filled_with_once_that_is_known() -> None:
    unknown = volumes.claim("x", v1.Persistence(), None, "")
    known = volumes.claim("x", v1.Persistence(), None, "copy")

    assert "annotations" not in unknown["metadata"]
    assert volumes.filled_from(unknown) == ""
    assert volumes.filled_from(known) == "copy"
    assert volumes.filled_from(None) == ""


def test_growing_is_told_until_the_volume_is_as_large_as_it_should_be() -> None:
    waits = {
        "type": "FileSystemResizePending",
        "status": "True",
        "message": "waits for the node",
    }

    assert growing(live("64Mi", "64Mi")) == ""
    assert growing(live("64Mi")) == ""
    assert growing(live("1Gi", "64Mi")) == "the volume grows from 64Mi to 1Gi"
    said = growing(live("1Gi", "64Mi", conditions=[waits]))
    assert said == "the volume grows from 64Mi to 1Gi: waits for the node"


def test_storage_that_cannot_grow_a_volume_says_so_on_the_claim() -> None:
    state = {"storage": "ControllerResizeInfeasible"}

    assert infeasible(live("1Gi", "64Mi")) == ""
    assert "Infeasible" in infeasible(live("1Gi", "64Mi", allocatedResourceStatuses=state))


@pytest.mark.parametrize("junk", [None, {}, {"status": 5}, {"spec": {"resources": []}}])
def test_a_claim_that_holds_anything_says_nothing(junk: Any) -> None:
    assert capacity(junk) is None
    assert growing(junk) == infeasible(junk) == volumes.filled_from(junk) == ""
