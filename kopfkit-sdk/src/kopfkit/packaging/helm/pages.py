"""What people read of a chart: README.md, and the notes that Helm prints after an installation."""

from kopfkit.packaging.webhooks import converting
from kopfkit.project import Project


def notes(project: Project) -> str:
    """NOTES.txt."""
    waits = "\n".join(
        f"  kubectl --namespace {{{{ .Release.Namespace }}}} rollout status deployment/{one.name}"
        for one in project.deployments
    )
    kinds = "\n".join(f"  kubectl explain {resource.plural}" for resource in project.resources)
    names = ", ".join(resource.crd_name for resource in project.resources)
    return f"""\
{project.display_name} {{{{ .Chart.AppVersion }}}} is installed in {{{{ .Release.Namespace }}}}.

It is ready when these commands succeed:

{waits}

Its kinds:

{kinds}

helm uninstall keeps the CRDs ({names}) and all objects of them.
"""


def readme(project: Project, table: str) -> str:
    """README.md below its first line, with the table of the values."""
    install = (
        f"helm install {project.name} . --namespace {project.namespace} --create-namespace --wait"
    )
    crds = " ".join(resource.crd_name for resource in project.resources)
    parts = [
        f"# {project.display_name}\n\n{project.summary}.",
        f"Needs Kubernetes {project.min_kube_version} or newer and Helm 3. In this directory:",
        f"```console\n$ {install}\n```",
        "A cluster has one release of it, because CRDs and ClusterRoles are cluster-scoped. Helm "
        "refuses a second one before it changes anything.",
        _namespace(project),
        f"## Values\n\n{table}".rstrip(),
        "`values.schema.json` has their types. Helm refuses a value of another type, and a name "
        "that is not in the table.",
        "## Upgrades",
        _upgrades(project, crds),
        "## Uninstalling",
        _removal(project, crds),
    ]
    return "\n\n".join(parts) + "\n"


def _namespace(project: Project) -> str:
    return (
        "The pods meet the restricted Pod Security Standard. To have the namespace enforce it:\n\n"
        "```console\n"
        f"$ kubectl label namespace {project.namespace} "
        "pod-security.kubernetes.io/enforce=restricted\n```"
    )


def _upgrades(project: Project, crds: str) -> str:
    lines = [
        "- `helm upgrade` also upgrades the CRDs: they are templates of the chart, not files of "
        "its `crds/`, which Helm never upgrades.",
        "- CRDs that are managed elsewhere (by GitOps, by an administrator): `crds.install=false`.",
        "- `helm rollback` takes the CRDs back, too. The API server refuses one that lacks an API "
        "version in which objects may be stored; then go back by `helm upgrade` to the older chart "
        "with `--set crds.install=false`.",
        "- What config/default or another release has installed is taken over with "
        "`helm upgrade --install --take-ownership` (Helm 3.17 or newer).",
    ]
    if project.webhook is not None:
        lines.append(
            "- The operator makes the webhook's certificate itself and writes its CA into "
            f"{'the CRDs and ' if project.conversion else ''}the webhook configurations; an "
            "upgrade leaves both as they are. Neither cert-manager nor OLM is needed."
        )
    return "\n".join(lines)


def _removal(project: Project, crds: str) -> str:
    lines = [f"```console\n$ helm uninstall {project.name} --namespace {project.namespace}\n```\n"]
    kept = "The CRDs and all objects of them stay"
    if converting(project):
        kept += (
            ". Nothing converts between API versions then: only what is stored in the version that "
            "is asked for can be read. A release of the same name in the same namespace takes "
            "them over"
        )
    lines.append(f"{kept}. To delete them with every object, before the uninstallation:\n")
    lines.append(f"```console\n$ kubectl delete crd {crds}\n```")
    return "\n".join(lines)
