"""`kubectl explain` is documentation: every field of every version of every kind says what it is.

Judged by what the real API server publishes and by what the real kubectl makes of it.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from kopfkit.host import process
from kopfkit.toolchain import toolchain

if TYPE_CHECKING:
    from kopfkit.controlplane.controlplane import ControlPlane

VERSIONS = [
    (resource, version.name) for resource in (HELLOWORLD, SNAPSHOT) for version in resource.versions
]
every_version = pytest.mark.parametrize(
    ("resource", "version"), VERSIONS, ids=lambda one: getattr(one, "kind", one)
)


@pytest.fixture(scope="module")
def installed(install: Any) -> Any:
    """By kind: its CRD, both in one group."""
    return {
        resource.kind: install("explained.example.com", resource=resource)
        for resource in (HELLOWORLD, SNAPSHOT)
    }


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Path and description of a field and of all fields below it."""
    yield path, schema.get("description", "")
    inner = schema.get("items", schema)
    for name, field in inner.get("properties", {}).items():
        yield from fields(field, f"{path}.{name}")


def published(api: Any, eventually: Any, group: str, version: str, kind: str) -> dict[str, Any]:
    """The schema of a kind as the API server publishes it, which it does a moment later."""

    def read() -> Any:
        answer = api("GET", f"/openapi/v3/apis/{group}/{version}")
        schemas = answer.body.get("components", {}).get("schemas", {})
        return next((one for name, one in schemas.items() if name.endswith(f".{kind}")), None)

    found: dict[str, Any] = eventually(read, lambda schema: schema is not None)
    return found


@every_version
def test_every_field_has_a_description_that_is_a_sentence(
    installed: Any, raw_api: Any, eventually: Any, resource: Any, version: str
) -> None:
    group = installed[resource.kind].resource.group
    schema = published(raw_api, eventually, group, version, resource.kind)
    found = [("", schema["description"])]
    for part in ("spec", "status"):
        found += fields(schema["properties"][part], part)
    assert [path for path, text in found if not re.fullmatch(r"[A-Z][^\n]{9,}\.", text)] == []


@every_version
def test_kubectl_explains_every_field(
    installed: Any,
    raw_api: Any,
    eventually: Any,
    control_plane: "ControlPlane",
    resource: Any,
    version: str,
) -> None:
    group = installed[resource.kind].resource.group
    schema = published(raw_api, eventually, group, version, resource.kind)
    kubectl = [str(toolchain.tool("kubectl")), f"--kubeconfig={control_plane.kubeconfig}"]
    where = [f"--api-version={group}/{version}", "explain"]
    text = process.run([*kubectl, *where, resource.plural, "--recursive"])
    for part in ("spec", "status"):
        for path, _ in fields(schema["properties"][part], part):
            assert re.search(rf"^ +{path.rpartition('.')[2]}\t<", text, re.MULTILINE), path
        whole = process.run([*kubectl, *where, f"{resource.plural}.{part}"])
        assert " ".join(schema["properties"][part]["description"].split()) in " ".join(
            whole.split()
        )
        assert "<no description>" not in whole
