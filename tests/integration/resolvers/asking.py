"""One of OLM's resolvers as a process that is asked, step by step, where it leads."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from kopfkit.packaging.catalog import channels, deprecations
from kopfkit.packaging.releases import History


class Resolver:
    """The running program; ends with its `with`.

    Args:
        program: one of `building`, or kopfkit's tool olm-v1.
        nothing: texts of the refusals that mean that there is nowhere to go.
    """

    def __init__(self, program: Path, *nothing: str) -> None:
        self._nothing = nothing
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(120) == 0
        self._process.stdout.close()

    def way(self, history: History, installed: str, among: Sequence[str]) -> tuple[str, ...]:
        """The versions that are installed one after the other, from `installed` on.

        Args:
            history: what the catalog is made of.
            installed: a version, whether the catalog has it or not.
            among: the channels that are named; none for all, where that can be said.
        """
        package = history.package
        names = {one.name(package): one.version for one in history.releases}
        catalog = blobs(history)
        found = [installed]
        while True:
            answer = self._ask(
                ask="resolve",
                catalog=catalog,
                package=package,
                channels=list(among),
                installed={"name": f"{package}.v{found[-1]}", "version": found[-1]},
            )
            if answer["error"]:
                assert any(text in answer["error"] for text in self._nothing), answer
                return tuple(found)
            version = names.get(answer["chosen"])
            if version is None or version in found:  # it stays, or would go round for ever
                return tuple(found)
            found.append(version)

    def _ask(self, **request: Any) -> dict[str, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, str] = json.loads(self._process.stdout.readline())
        return answer


def blobs(history: History) -> list[dict[str, Any]]:
    """The package as a file-based catalog has it, without images."""
    package = history.package
    bundles = [
        {
            "schema": "olm.bundle",
            "name": one.name(package),
            "package": package,
            "image": f"registry.example.com/{package}:v{one.version}",
            "properties": [
                {
                    "type": "olm.package",
                    "value": {"packageName": package, "version": one.version},
                }
            ],
        }
        for one in history.releases
    ]
    return [
        {"schema": "olm.package", "name": package, "defaultChannel": history.default_channel},
        *channels(history),
        *deprecations(history),
        *bundles,
    ]
