"""The description of the harbour operator."""

from typing import Any

from harbour.operator import GROUP, OPERATOR
from kopfkit.project import Icon, Maintainer, Provider, derived


def _sample(version: str, kind: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": f"{kind.lower()}-sample"}
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": metadata, "spec": spec}


PROJECT = derived.project(
    OPERATOR,
    namespace="harbour-system",
    display_name="Harbour Operator",
    summary="Keeps docks and cranes",
    description="Keeps docks and cranes.",
    provider=Provider("Tests"),
    icon=Icon(b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'/>"),
    links=(),
    maintainers=(Maintainer("Tests", "tests@example.com"),),
    keywords=("tests",),
    categories=("Database",),
    capabilities="Basic Install",
    maturity="alpha",
    min_kube_version="1.30.0",
    repository="https://example.com/harbour",
    image_base="registry.example.com/harbour",
    samples=(
        _sample("v1", "Dock", metres=20),
        _sample("v1alpha1", "Dock", length=20),
        _sample("v1", "Crane", tons=3),
        _sample("v1beta1", "Crane", kilograms=3000),
    ),
)
