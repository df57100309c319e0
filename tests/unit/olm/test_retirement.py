"""What of a CRD is still served when its operator is gone."""

from typing import Any

import pytest

from kopfkit.olm.retirement import retired

WEBHOOK = {"strategy": "Webhook", "webhook": {"clientConfig": {}}}


def crd(stored: list[str], conversion: Any, **versions: tuple[bool, bool]) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "versions": [
            {"name": name, "served": served, "storage": storage}
            for name, (served, storage) in versions.items()
        ]
    }
    if conversion:
        spec["conversion"] = conversion
    return {
        "metadata": {"name": "things", "resourceVersion": "7"},
        "spec": spec,
        "status": {"storedVersions": stored},
    }


@pytest.mark.parametrize("conversion", [WEBHOOK, {"strategy": "None"}, None], ids=str)
def test_the_stored_version_alone_is_served_and_needs_no_conversion(conversion: Any) -> None:
    found = retired(crd(["v1"], conversion, v1=(True, True), v1alpha1=(True, False)))

    assert found == crd(["v1"], {"strategy": "None"}, v1=(True, True), v1alpha1=(False, False))


@pytest.mark.parametrize(
    "left",
    [
        crd(["v1alpha1", "v1"], WEBHOOK, v1=(True, True), v1alpha1=(True, False)),
        crd(["v1alpha1"], WEBHOOK, v1=(True, True), v1alpha1=(True, False)),
        crd(["v1"], WEBHOOK, v1=(False, True), v1alpha1=(True, False)),
        crd(["v1"], {"strategy": "None"}, v1=(True, True), v1alpha1=(False, False)),
        crd(["v1"], None, v1=(True, True)),
    ],
    ids=[
        "stored in two versions",
        "stored in another version",
        "the stored version is not served",
        "safe already",
        "one version",
    ],
)
def test_what_is_safe_or_cannot_be_made_safe_stays(left: Any) -> None:
    assert retired(left) is None
