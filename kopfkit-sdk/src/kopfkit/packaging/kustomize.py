"""The kustomize tree config/, as texts by path.

crd, rbac, manager, webhook and certificates are bases; default puts them together for `kubectl
apply -k`; prometheus is for clusters with the Prometheus operator and is applied by itself, with
the runbooks of its alerts beside it;
manifests is what `operator-sdk generate bundle` reads, with the same layout as its own projects
have, so that its output can be compared with ours.
"""

from collections.abc import Iterable
from typing import Any

from kopfkit.environment import ALL_NAMESPACES, OWN_NAMESPACE
from kopfkit.errors import KopfkitError
from kopfkit.packaging import admission, crds, monitoring, rbac, scorecard, workloads
from kopfkit.packaging.csv import base_csv
from kopfkit.packaging.editions import edition, in_own_namespace
from kopfkit.packaging.headers import header
from kopfkit.packaging.inputs import split_image
from kopfkit.packaging.releases import Release
from kopfkit.packaging.workloads import Object, labels
from kopfkit.project import KUSTOMIZE, OLM, Deployment, Permission, Project, RelatedImage
from kopfkit.yamls import dump

Tree = dict[str, str]

HEADER = header("kopfkit manifests", "the project description")
# Kubebuilder's name for the image that `kustomize edit set image` replaces.
IMAGE_NAME = "controller"
# Pod Security: what the pods need, enforced, so that a later change is noticed at once.
POD_SECURITY = {
    f"pod-security.kubernetes.io/{mode}{suffix}": value
    for mode in ("enforce", "audit", "warn")
    for suffix, value in (("", "restricted"), ("-version", "latest"))
}


def _file(*documents: Any) -> str:
    return HEADER + dump(*documents)


def kustomization(resources: Iterable[str], **fields: Any) -> str:
    """A kustomization.yaml."""
    return _file(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": list(resources),
            **fields,
        }
    )


def _base(directory: str, files: Tree) -> Tree:
    """The files in a directory with a kustomization that lists them."""
    tree = {f"{directory}/{name}": text for name, text in files.items()}
    tree[f"{directory}/kustomization.yaml"] = kustomization(sorted(files))
    return tree


def _permission_files(project: Project, permissions: Iterable[Permission]) -> Tree:
    found: Tree = {}
    for permission in permissions:
        name = rbac.role_name(permission).replace("-", "_")
        found[f"{name}_role.yaml"] = _file(rbac.role(project, permission))
        found[f"{name}_role_binding.yaml"] = _file(rbac.binding(project, permission))
    return found


def _rbac(project: Project) -> Tree:
    files = {"service_accounts.yaml": _file(*rbac.service_accounts(project))}
    # What only OLM's installation needs is in the CSV alone.
    both = [one for one in project.permissions if one.modes == {KUSTOMIZE, OLM}]
    files.update(_permission_files(project, both))
    for resource in project.resources:
        for level in ("editor", "viewer"):
            files[f"{resource.singular}_{level}_role.yaml"] = _file(
                rbac.user_role(project, resource, level)
            )
    return _base("rbac", files)


def _workloads(project: Project) -> Tree:
    manager: Tree = {}
    webhook: Tree = {}
    for deployment in project.deployments:
        files = webhook if workloads.is_webhook(project, deployment) else manager
        name = deployment.name.removeprefix(f"{project.name}-").replace("-", "_")
        name = "manager" if deployment.name == project.name else name
        files[f"{name}.yaml"] = _file(
            workloads.deployment_object(project, deployment, f"{IMAGE_NAME}:latest")
        )
        files[f"{name}_network_policy.yaml"] = _file(
            workloads.network_policy(project, deployment, namespaced=True)
        )
        if deployment.replicas > 1:
            files[f"{name}_disruption_budget.yaml"] = _file(
                workloads.disruption_budget(project, deployment, namespaced=True)
            )
        if workloads.is_webhook(project, deployment):
            files["service.yaml"] = _file(workloads.service(project, deployment))
            if registered := admission.configurations(project):
                files["admission.yaml"] = _file(*registered)
    if project.monitoring is not None:
        manager["metrics_service.yaml"] = _file(monitoring.service(project, namespaced=True))
        manager["monitoring_config.yaml"] = _file(monitoring.config_map(project, namespaced=True))
    tree = _base("manager", manager)
    if webhook:
        tree.update(_base("webhook", webhook))
    return tree


def _prometheus(project: Project) -> Tree:
    if project.monitoring is None:
        return {}
    files = {
        "service_monitor.yaml": _file(monitoring.service_monitor(project, namespaced=True)),
        "rules.yaml": _file(monitoring.prometheus_rule(project, namespaced=True)),
    }
    pages = monitoring.runbooks(project).items()
    runbooks = {f"prometheus/runbooks/{name}": text for name, text in pages}
    return {**_base("prometheus", files), **runbooks}


def _samples(project: Project) -> Tree:
    files: Tree = {}
    for sample in project.samples:
        group, _, version = str(sample["apiVersion"]).partition("/")
        name = f"{group.split('.')[0]}_{version}_{str(sample['kind']).lower()}"
        number = sum(key.startswith(name) for key in files)
        files[f"{name}{f'_{number + 1}' if number else ''}.yaml"] = _file(dict(sample))
    return _base("samples", files)


def _certificates(project: Project) -> Tree:
    """The rights of the in-cluster certificate rotator; default's patches switch it on."""
    only = [one for one in project.permissions if one.modes == {KUSTOMIZE}]
    return _base("certificates", _permission_files(project, only)) if only else {}


def _default(project: Project, image: str, parts: list[str]) -> Tree:
    """The whole installation. Images and everything that repeats them are set here, last."""
    namespace: Object = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": project.namespace, "labels": {**labels(project), **POD_SECURITY}},
    }
    fields: dict[str, Any] = {"namespace": project.namespace}
    patches = [
        {
            "target": {"kind": "Deployment", "name": deployment.name},
            "patch": dump(
                [
                    {
                        "op": "add",
                        "path": "/spec/template/spec/containers/0/args/-",
                        "value": argument,
                    }
                    for argument in deployment.certificate_args
                ]
            ),
        }
        for deployment in project.deployments
        if deployment.certificate_args
    ]
    if patches:
        fields["patches"] = patches
    fields.update(_images(project, image))
    return {
        "default/namespace.yaml": _file(namespace),
        "default/kustomization.yaml": kustomization(["namespace.yaml", *parts], **fields),
    }


def _copy_image(deployment: Deployment, related: list[RelatedImage]) -> Object:
    """A replacement that copies the container's image to its RELATED_IMAGE_* variables."""
    container = f"spec.template.spec.containers.[name={deployment.container}]"
    return {
        "source": {
            "kind": "Deployment",
            "name": deployment.name,
            "fieldPath": f"{container}.image",
        },
        "targets": [
            {
                "select": {"kind": "Deployment", "name": deployment.name},
                "fieldPaths": [f"{container}.env.[name={one.env}].value" for one in related],
            }
        ],
    }


def _images(project: Project, image: str) -> dict[str, Any]:
    """The operator's image for the containers and, copied from there, for RELATED_IMAGE_*."""
    name, tag, digest = split_image(image)
    entry = {"name": IMAGE_NAME, "newName": name}
    entry.update({"digest": digest} if digest else {"newTag": tag})
    fields: dict[str, Any] = {"images": [entry]}
    own = [related for related in project.related_images if related.image is None]
    sources = [deployment for deployment in project.deployments if deployment.api_access]
    if own and sources:
        fields["replacements"] = [_copy_image(deployment, own) for deployment in sources]
    return fields


def config_tree(project: Project, release: Release, image: str, install_mode: str = "") -> Tree:
    """Everything under config/, by path below it.

    Args:
        release: says which API versions are served and stored.
        image: the operator's image that config/default deploys; a valid reference.
        install_mode: AllNamespaces or OwnNamespace; "" is the wider one that it supports.

    Raises:
        KopfkitError: the operator does not support the install mode.
    """
    project = edition(project, release)
    install_mode = install_mode or (
        ALL_NAMESPACES if ALL_NAMESPACES in project.install_modes else OWN_NAMESPACE
    )
    if install_mode == OWN_NAMESPACE:
        project = in_own_namespace(project)
    elif ALL_NAMESPACES not in project.install_modes:
        raise KopfkitError(
            f"operator {project.name}",
            f"does not support install mode {install_mode}",
            f"It supports: {', '.join(project.install_modes)}.",
        )
    tree: Tree = {}
    bases = {
        f"bases/{crds.file_name(resource)}": _file(crds.crd(project, resource))
        for resource in project.resources
    }
    tree.update(_base("crd", bases))
    tree.update(_rbac(project))
    tree.update(_workloads(project))
    tree.update(_prometheus(project))
    tree.update(_samples(project))
    tree.update(_certificates(project))
    tree.update(_base("scorecard", {"bases/config.yaml": _file(scorecard.configuration())}))
    parts = [f"../{part}" for part in ("crd", "rbac", "manager", "webhook", "certificates")]
    parts = [part for part in parts if f"{part[3:]}/kustomization.yaml" in tree]
    tree.update(_default(project, image, parts))
    csv = f"bases/{project.name}.clusterserviceversion.yaml"
    tree[f"manifests/{csv}"] = _file(base_csv(project))
    olm = [part for part in parts if part != "../certificates"]
    tree["manifests/kustomization.yaml"] = kustomization(
        [csv, *olm, "../samples", "../scorecard"], **_images(project, image)
    )
    return tree
