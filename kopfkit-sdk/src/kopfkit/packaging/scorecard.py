"""The configuration of operator-sdk's scorecard: its six tests, all at once; and what a run adds to
it, kopfkit's own checks as tests of another image."""

import copy
from typing import Any

from kopfkit.packaging.checks import CHECKS

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


def with_checks(config: dict[str, Any], image: str) -> dict[str, Any]:
    """A Configuration with kopfkit's checks as a stage of their own, run from `image`."""
    found = copy.deepcopy(config)
    found.setdefault("stages", []).append(
        {
            "parallel": True,
            "tests": [
                {
                    "entrypoint": ["python3", "-m", "kopfkit.packaging.checks", name],
                    "image": image,
                    "labels": {"suite": "kopfkit", "test": f"{name}-test"},
                    "storage": {"spec": {"mountPath": {}}},
                }
                for name in CHECKS
            ],
        }
    )
    return found


def with_images(config: dict[str, Any], replacements: dict[str, str]) -> dict[str, Any]:
    """A Configuration whose tests run from other images: each one's replacement, if it has one."""
    found = copy.deepcopy(config)
    for stage in found.get("stages", []):
        for test in stage.get("tests", []):
            test["image"] = replacements.get(test.get("image"), test.get("image"))
    return found
