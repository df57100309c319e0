"""Who owns a Secret afterwards."""

from typing import Any

import pytest

from kopfkit.runtime.ownership import with_deployment

DEPLOYMENT = {"metadata": {"name": "hook", "uid": "d-2"}}
OURS = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "hook", "uid": "d-2"}
CSV = {
    "apiVersion": "operators.coreos.com/v1alpha1",
    "kind": "ClusterServiceVersion",
    "name": "operator.v1",
    "uid": "c-1",
}
OTHER = {"apiVersion": "example.com/v1", "kind": "ClusterServiceVersion", "name": "x", "uid": "x"}


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
def test_the_deployment_takes_the_place_of_olms_owner(owners: Any, wanted: Any) -> None:
    assert with_deployment(owners, DEPLOYMENT) == wanted
