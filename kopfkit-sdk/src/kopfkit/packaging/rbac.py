"""Service accounts, roles and bindings of an operator, and the roles for its users, as objects."""

from typing import Any

from kopfkit.crd import CustomResource
from kopfkit.packaging.workloads import Object, labels, metadata
from kopfkit.project import Permission, Project, Rule

API = "rbac.authorization.k8s.io"


def rule_object(rule: Rule) -> Object:
    """A PolicyRule."""
    found: dict[str, Any] = {"apiGroups": list(rule.groups), "resources": list(rule.resources)}
    if rule.names:
        found["resourceNames"] = list(rule.names)
    found["verbs"] = list(rule.verbs)
    return found


def service_accounts(project: Project) -> list[Object]:
    """One service account a Deployment."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(project, deployment.name, component=deployment.component),
            # The pods that need a token ask for it themselves.
            "automountServiceAccountToken": False,
        }
        for deployment in project.deployments
    ]


def role_name(permission: Permission) -> str:
    """The name of a permission's role and of its binding."""
    return "-".join(part for part in (permission.service_account, permission.name) if part)


def role(project: Project, permission: Permission) -> Object:
    """The ClusterRole or Role of a permission."""
    return {
        "apiVersion": f"{API}/v1",
        "kind": "ClusterRole" if permission.cluster else "Role",
        "metadata": metadata(project, role_name(permission), cluster=permission.cluster),
        "rules": [rule_object(rule) for rule in permission.rules],
    }


def binding(project: Project, permission: Permission) -> Object:
    """What grants a permission's role to its service account."""
    kind = "ClusterRole" if permission.cluster else "Role"
    return {
        "apiVersion": f"{API}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata(project, role_name(permission), cluster=permission.cluster),
        "roleRef": {"apiGroup": API, "kind": kind, "name": role_name(permission)},
        "subjects": [
            {
                "kind": "ServiceAccount",
                "name": permission.service_account,
                "namespace": project.namespace,
            }
        ],
    }


def user_role(project: Project, resource: CustomResource, level: str) -> Object:
    """A ClusterRole for people who use the API: level "editor" or "viewer".

    Aggregated into Kubernetes' own admin and edit, or view, so that who may edit a namespace may
    also edit its custom resources.
    """
    read = ["get", "list", "watch"]
    write = ["create", "delete", "deletecollection", "patch", "update"]
    editor = level == "editor"
    targets = ("admin", "edit") if editor else ("admin", "edit", "view")
    aggregation = {f"{API}/aggregate-to-{target}": "true" for target in targets}
    rules = [
        {
            "apiGroups": [resource.group],
            "resources": [resource.plural],
            "verbs": (write + read) if editor else read,
        },
        {
            "apiGroups": [resource.group],
            "resources": [f"{resource.plural}/status"],
            "verbs": ["get"],
        },
    ]
    if any(version.scale for version in resource.versions):
        rules.append(
            {
                "apiGroups": [resource.group],
                "resources": [f"{resource.plural}/scale"],
                "verbs": ["get", "patch", "update"] if editor else ["get"],
            }
        )
    return {
        "apiVersion": f"{API}/v1",
        "kind": "ClusterRole",
        "metadata": {
            "name": f"{project.name}-{resource.singular}-{level}",
            "labels": {**labels(project), **aggregation},
        },
        "rules": rules,
    }
