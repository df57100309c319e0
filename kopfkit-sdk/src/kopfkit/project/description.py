"""The description of one operator: what exists, and nothing about files.

`Project` checks itself when it is made and reports every fault at once (`project.checks`), so that
a generator never meets a half-valid description.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kopfkit.crd import CustomResource
from kopfkit.project.parts import (
    Child,
    Conversion,
    Deployment,
    Icon,
    Link,
    Maintainer,
    Monitoring,
    Permission,
    Provider,
    RelatedImage,
)


@dataclass(frozen=True)
class Project:
    """One operator. KopfkitError, naming every fault, if the description cannot be right.

    Args:
        name: package name in the catalog, prefix of everything, value of app.kubernetes.io/name.
        namespace: where the kustomize tree installs, and what OLM suggests.
        summary: one line for a list of operators.
        description: Markdown for the operator's page.
        capabilities: level of the operator capability model, e.g. "Basic Install".
        categories: OperatorHub.io's standard categories.
        features: those of FEATURES that the operator has.
        architectures: that its image is built for, in Go's names ("amd64", "arm64").
        min_kube_version: oldest Kubernetes it runs on, e.g. "1.31.0".
        repository: URL of the source.
        image_base: default of IMAGE_TAG_BASE, without tag.
        samples: one object per custom resource version at least.
    """

    name: str
    namespace: str
    display_name: str
    summary: str
    description: str
    provider: Provider
    icon: Icon
    links: tuple[Link, ...]
    maintainers: tuple[Maintainer, ...]
    keywords: tuple[str, ...]
    categories: tuple[str, ...]
    capabilities: str
    maturity: str
    min_kube_version: str
    repository: str
    image_base: str
    resources: tuple[CustomResource, ...]
    deployments: tuple[Deployment, ...]
    permissions: tuple[Permission, ...]
    samples: tuple[Mapping[str, Any], ...]
    children: tuple[Child, ...] = ()
    related_images: tuple[RelatedImage, ...] = ()
    conversion: Conversion | None = None
    monitoring: Monitoring | None = None
    features: frozenset[str] = frozenset()
    architectures: tuple[str, ...] = ("amd64",)

    def __post_init__(self) -> None:
        # Imported here: the checks read this module's classes.
        from kopfkit.project.checks import check

        check(self)

    def deployment(self, name: str) -> Deployment:
        """The Deployment of that name; KeyError if there is none."""
        for deployment in self.deployments:
            if deployment.name == name:
                return deployment
        raise KeyError(name)
