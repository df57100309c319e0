"""The fields of an operator's description; `project.model` has them checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kopfkit.crd import CustomResource
from kopfkit.environment import ALL_NAMESPACES
from kopfkit.project.parts import (
    Admission,
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
    Webhook,
)


@dataclass(frozen=True)
class Description:
    """One operator, unchecked.

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
        install_modes: OLM's install modes that it supports.
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
    admission: Admission | None = None
    monitoring: Monitoring | None = None
    features: frozenset[str] = frozenset()
    architectures: tuple[str, ...] = ("amd64",)
    install_modes: tuple[str, ...] = (ALL_NAMESPACES,)

    @property
    def webhook(self) -> Webhook | None:
        """The process that the API server calls; None where there is nothing to call."""
        return self.conversion or self.admission

    @property
    def limitable(self) -> bool:
        """Whether an installation may watch less than all namespaces."""
        return any(mode != ALL_NAMESPACES for mode in self.install_modes)

    def deployment(self, name: str) -> Deployment:
        """The Deployment of that name; KeyError if there is none."""
        for deployment in self.deployments:
            if deployment.name == name:
                return deployment
        raise KeyError(name)
