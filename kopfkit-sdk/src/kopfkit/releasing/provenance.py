"""Where a release comes from: an in-toto statement with SLSA's provenance predicate, version 1.

It names every file and image of the release by digest, and what they were made of. No time and no
name of a machine: who builds the same commit again gets the same statement, and can compare.
"""

import platform
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kopfkit.oci.layers import digest
from kopfkit.oci.layout import canonical

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"


def statement(
    *,
    repository: str,
    commit: str,
    parameters: Mapping[str, Any],
    subjects: Mapping[str, str],
    materials: Mapping[str, str],
    bases: Sequence[str],
) -> bytes:
    """The statement, as JSON of which there is one form only.

    Args:
        repository: address of the source.
        commit: that was built.
        parameters: what the person who released it chose.
        subjects: name -> sha256:... of each file and image.
        materials: name -> sha256:... of what decides the result beside the commit.
        bases: references of base images, with digests where they have one.
    """
    resolved: list[dict[str, Any]] = [
        {"uri": f"git+{repository}", "digest": {"gitCommit": commit}},
        *({"name": name, "digest": _set(found)} for name, found in sorted(materials.items())),
    ]
    for base in sorted(set(bases)):
        name, _, found = base.partition("@")
        resolved.append({"uri": f"docker:{name}", **({"digest": _set(found)} if found else {})})
    value = {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": _set(found)} for name, found in sorted(subjects.items())
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": f"{repository}/blob/main/docs/how-to/release.md",
                "externalParameters": dict(parameters),
                # The compressor and the byte-compiler: the two programs whose output is in a layer.
                "internalParameters": {
                    "python": platform.python_version(),
                    "zlib": zlib.ZLIB_RUNTIME_VERSION,
                },
                "resolvedDependencies": resolved,
            },
            "runDetails": {"builder": {"id": f"{repository}/blob/main/Makefile#release"}},
        },
    }
    return canonical(value)


def files(directory: Path) -> dict[str, str]:
    """Path below the directory -> digest of each file in it; images are named by their layouts."""
    return {
        path.relative_to(directory).as_posix(): digest(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and "blobs" not in path.relative_to(directory).parts
    }


def _set(found: str) -> dict[str, str]:
    algorithm, _, value = found.partition(":")
    return {algorithm: value}
