"""The OLM bundle: manifests, metadata, scorecard configuration, and bundle.Dockerfile.

Names and layout are operator-sdk's. The labels of the Dockerfile and metadata/annotations.yaml are
one table, because OLM and opm each read the one and expect the other to agree.
"""

import re
from collections.abc import Sequence

from kopfkit.errors import KopfkitError
from kopfkit.packaging import crds, monitoring, rbac, scorecard, workloads
from kopfkit.packaging.csv import csv
from kopfkit.packaging.editions import edition
from kopfkit.packaging.headers import header
from kopfkit.packaging.inputs import check_channel, check_image, check_version
from kopfkit.packaging.kustomize import Tree
from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.workloads import Object
from kopfkit.project import Faults, Project
from kopfkit.yamls import dump

HEADER = header("kopfkit bundle generate", "the project description and catalog/releases.yaml")
PREFIX = "operators.operatorframework.io"


def check_inputs(
    history: History, version: str, image: str, channels: Sequence[str], default_channel: str
) -> Release:
    """The release to generate; KopfkitError that names every invalid input."""
    faults = Faults("bundle generate")
    check_version(faults, "--version", version)
    check_image(faults, "--img", image)
    faults.require(channels, "--channels", "is empty")
    known = history.channels
    valid = [one for one in channels if one in known or check_channel(faults, "--channels", one)]
    faults.require(len(set(valid)) == len(valid), "--channels", "names a channel twice")
    for channel in (*valid, *([default_channel] if default_channel else ())):
        faults.require(
            channel in history.channels,
            "--default-channel" if channel not in channels else "--channels",
            f"{channel!r} is not in catalog/releases.yaml ({', '.join(history.channels)})",
        )
    faults.raise_if_any()
    return history.release(version)


def labels(project: Project, channels: Sequence[str], default_channel: str) -> dict[str, str]:
    """The bundle's labels, which are its annotations too."""
    found = {
        f"{PREFIX}.bundle.mediatype.v1": "registry+v1",
        f"{PREFIX}.bundle.manifests.v1": "manifests/",
        f"{PREFIX}.bundle.metadata.v1": "metadata/",
        f"{PREFIX}.bundle.package.v1": project.name,
        f"{PREFIX}.bundle.channels.v1": ",".join(channels),
    }
    if default_channel:
        found[f"{PREFIX}.bundle.channel.default.v1"] = default_channel
    if versions := openshift_versions(project.min_kube_version):
        found["com.redhat.openshift.versions"] = versions
    found[f"{PREFIX}.test.mediatype.v1"] = "scorecard+v1"
    found[f"{PREFIX}.test.config.v1"] = "tests/scorecard/"
    return found


def openshift_versions(kubernetes: str) -> str:
    """The first OpenShift that a bundle is for, "" for any: 4.y has Kubernetes 1.(y + 13)."""
    minor = re.match(r"1\.(\d+)", kubernetes)
    return f"v4.{int(minor[1]) - 13}" if minor and int(minor[1]) > 13 else ""


def manifests(project: Project, release: Release, image: str) -> dict[str, Object]:
    """The objects of bundle/manifests by file name.

    Raises:
        KopfkitError: the release serves what the project no longer has.
    """
    known = {version.name for each in project.resources for version in each.versions}
    for name in release.served:
        if name not in known:
            raise KopfkitError(
                f"release {release.version}",
                f"serves {name}, which is not a version of the API any more",
                "Keep its published bundle: kopfkit catalog add BUNDLE.",
            )
    project = edition(project, release)
    found: dict[str, Object] = {
        f"{project.name}.clusterserviceversion.yaml": csv(project, release, image)
    }
    for resource in project.resources:
        found[crds.file_name(resource)] = crds.crd(project, resource)
        for level in ("editor", "viewer"):
            role = rbac.user_role(project, resource, level)
            found[f"{role['metadata']['name']}_rbac.authorization.k8s.io_v1_clusterrole.yaml"] = (
                role
            )
    for deployment in project.deployments:
        # OLM takes them since 0.32.0.
        policy = workloads.network_policy(project, deployment, namespaced=False)
        found[f"{deployment.name}_networking.k8s.io_v1_networkpolicy.yaml"] = policy
        if deployment.replicas > 1:
            budget = workloads.disruption_budget(project, deployment, namespaced=False)
            found[f"{deployment.name}_policy_v1_poddisruptionbudget.yaml"] = budget
    if project.monitoring is not None:
        for item in (
            monitoring.service(project, namespaced=False),
            monitoring.config_map(project, namespaced=False),
        ):
            found[f"{item['metadata']['name']}_v1_{item['kind'].lower()}.yaml"] = item
    return found


def bundle_tree(
    project: Project,
    release: Release,
    image: str,
    channels: Sequence[str],
    default_channel: str,
) -> Tree:
    """Everything under bundle/, by path below it. The arguments passed `check_inputs`."""
    tree = {
        f"manifests/{name}": HEADER + dump(item)
        for name, item in manifests(project, release, image).items()
    }
    tree["metadata/annotations.yaml"] = HEADER + dump(
        {"annotations": labels(project, channels, default_channel)}
    )
    tree["tests/scorecard/config.yaml"] = HEADER + dump(scorecard.configuration())
    return tree


def bundle_dockerfile(project: Project, channels: Sequence[str], default_channel: str) -> str:
    """bundle.Dockerfile; the build context is the checkout."""
    found = labels(project, channels, default_channel)
    lines = "".join(f"LABEL {name}={value}\n" for name, value in found.items())
    return (
        f"{HEADER}FROM scratch\n\n"
        f"# What OLM and opm read; metadata/annotations.yaml says the same.\n{lines}\n"
        "COPY bundle/manifests /manifests/\n"
        "COPY bundle/metadata /metadata/\n"
        "COPY bundle/tests/scorecard /tests/scorecard/\n"
    )
