"""The one description of an operator that every generator reads.

A `Project` says what exists (APIs, Deployments, rights, images, prose); which files follow from it
is `kopfkit.packaging`'s business. Run-time code does not import it.
"""

from kopfkit.project import rights
from kopfkit.project.faults import Faults
from kopfkit.project.loading import find_root, load, module
from kopfkit.project.model import Project
from kopfkit.project.parts import (
    KUSTOMIZE,
    OLM,
    Admission,
    Alert,
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
    Rule,
    Webhook,
)
from kopfkit.project.terms import FEATURES

__all__ = [
    "FEATURES",
    "KUSTOMIZE",
    "OLM",
    "Admission",
    "Alert",
    "Child",
    "Conversion",
    "Deployment",
    "Faults",
    "Icon",
    "Link",
    "Maintainer",
    "Monitoring",
    "Permission",
    "Project",
    "Provider",
    "RelatedImage",
    "Rule",
    "Webhook",
    "find_root",
    "load",
    "module",
    "rights",
]
