"""The configuration of operator-sdk's scorecard: its six tests, all at once."""

from typing import Any

# The scorecard's own image; the version of the operator-sdk that the toolchain pins.
IMAGE = "quay.io/operator-framework/scorecard-test:v1.42.2"
TESTS = (
    ("basic", "basic-check-spec"),
    ("olm", "olm-bundle-validation"),
    ("olm", "olm-crds-have-validation"),
    ("olm", "olm-crds-have-resources"),
    ("olm", "olm-spec-descriptors"),
    ("olm", "olm-status-descriptors"),
)


def configuration(image: str = IMAGE) -> dict[str, Any]:
    """The scorecard's Configuration; `image` is what carries the tests."""
    return {
        "apiVersion": "scorecard.operatorframework.io/v1alpha3",
        "kind": "Configuration",
        "metadata": {"name": "config"},
        "stages": [
            {
                "parallel": True,
                "tests": [
                    {
                        "entrypoint": ["scorecard-test", test],
                        "image": image,
                        "labels": {"suite": suite, "test": f"{test}-test"},
                        "storage": {"spec": {"mountPath": {}}},
                    }
                    for suite, test in TESTS
                ],
            }
        ],
        "storage": {"spec": {"mountPath": {}}},
    }
