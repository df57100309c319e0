"""Who owns a Secret afterwards."""

from typing import Any

import pytest

from kopfkit.runtime.olm.ownership import owners_with

DEPLOYMENT = {"metadata": {"name": "hook", "uid": "d-2"}}
OURS = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "hook", "uid": "d-2"}
CSV = {
    "apiVersion": "operators.coreos.com/v1alpha1",
    "kind": "ClusterServiceVersion",
    "name": "operator.v1",
    "uid": "c-1",
}
OTHER = {"apiVersion": "example.com/v1", "kind": "ClusterServiceVersion", "name": "x", "uid": "x"}


NEW = {**CSV, "name": "operator.v2", "uid": "c-2"}


@pytest.mark.parametrize(
    ("owners", "wanted"),
    [
        ([CSV], [OURS]),
        ([CSV, {**CSV, "uid": "c-2"}, OTHER], [OTHER, OURS]),
        ([OURS], [OURS]),
        ([OURS, CSV], [OURS]),
        ([{**OURS, "uid": "d-1"}], [OURS]),
        ([{**OURS, "name": "else", "uid": "e"}, CSV], [{**OURS, "name": "else", "uid": "e"}, OURS]),
        # Fields that somebody set on our entry are not fought over.
        ([{**OURS, "controller": False}], [{**OURS, "controller": False}]),
    ],
)
def test_the_deployment_takes_the_place_of_owners_of_olms_that_are_not_its_own(
    owners: Any, wanted: Any
) -> None:
    assert owners_with(owners, DEPLOYMENT) == wanted


@pytest.mark.parametrize(
    ("owners", "wanted"),
    [
        # As OLM made it, and after a rotation: the only owner.
        ([NEW], [NEW, OURS]),
        ([], [OURS, NEW]),
        # As a release made it that kept the ClusterServiceVersion out.
        ([OURS], [OURS, NEW]),
        ([CSV, OURS], [OURS, NEW]),
        ([OURS, NEW], [OURS, NEW]),
        ([{**NEW, "controller": False}, OURS], [{**NEW, "controller": False}, OURS]),
    ],
)
def test_the_cluster_service_version_that_owns_the_deployment_stays_an_owner(
    owners: Any, wanted: Any
) -> None:
    blocking = {**NEW, "blockOwnerDeletion": True, "controller": True}
    metadata = {**DEPLOYMENT["metadata"], "ownerReferences": [blocking]}
    assert owners_with(owners, {"metadata": metadata}) == wanted
