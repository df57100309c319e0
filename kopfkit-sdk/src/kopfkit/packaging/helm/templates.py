"""The chart's templates, each the objects of config/ with the chart's values in their places."""

from dataclasses import replace
from typing import Any

from kopfkit.environment import ALL_NAMESPACES, WATCH_NAMESPACE
from kopfkit.packaging import admission, crds, monitoring, rbac, workloads
from kopfkit.packaging.helm.templating import (
    block,
    expression,
    extended,
    json_expression,
    optional,
    replaced,
    template,
    when,
)
from kopfkit.packaging.helm.values import component_key, logs
from kopfkit.packaging.workloads import Object
from kopfkit.project import KUSTOMIZE, OLM, Deployment, Permission, Project

_NAMESPACE = ".Release.Namespace | quote"
_KEEP = {"helm.sh/resource-policy": "keep"}


def helpers(project: Project) -> str:
    """_helpers.tpl: the image, which several templates name."""
    return (
        f'{{{{- define "{project.name}.image" -}}}}\n'
        "{{- with .Values.image -}}\n"
        '{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ required "image.tag or '
        'image.digest is needed" .tag }}{{ end }}\n'
        "{{- end -}}\n"
        "{{- end -}}\n"
    )


def templates(project: Project) -> dict[str, str]:
    """All templates of objects by file name.

    Args:
        project: as it is in the release (`editions`).
    """
    found: dict[str, str] = {}
    found["crds.yaml"] = when(".Values.crds.install", _objects(project, *_crds(project)))
    found["rbac.yaml"] = _objects(project, *_rbac(project)) + _watched(project)
    if only := [one for one in project.permissions if one.modes == {KUSTOMIZE}]:
        found["certificates.yaml"] = _objects(project, *_granted(project, only))
    for deployment in project.deployments:
        found[f"deployment-{deployment.component}.yaml"] = _deployment(project, deployment)
    if registered := admission.configurations(project):
        found["admission.yaml"] = _objects(project, *registered)
    if project.monitoring is not None:
        service = monitoring.service(project, namespaced=True)
        found["monitoring.yaml"] = _objects(project, service) + when(
            ".Values.monitoring.enabled", _objects(project, _monitoring(project))
        )
    return found


def _objects(project: Project, *objects: Object) -> str:
    """Objects as a template: in the release's namespace, with the common labels and annotations."""
    return template(*(_common(project, one) for one in objects))


def _common(project: Project, one: Object) -> Object:
    one = replaced(one, "namespace", project.namespace, expression(_NAMESPACE))
    meta = dict(one["metadata"])
    meta["labels"] = extended(meta["labels"], ".Values.commonLabels")
    if "annotations" in meta:
        meta["annotations"] = extended(meta["annotations"], ".Values.commonAnnotations")
    else:
        meta |= optional("annotations", ".Values.commonAnnotations")
    return {**one, "metadata": meta}


def _crds(project: Project) -> list[Object]:
    found = []
    for resource in project.resources:
        one = crds.crd(project, resource)
        meta = one["metadata"]
        annotations = {**(meta.get("annotations") or {}), **_KEEP}
        found.append({**one, "metadata": {**meta, "annotations": annotations}})
    return found


def _rbac(project: Project) -> list[Object]:
    both = [
        one
        for one in project.permissions
        if one.modes == {KUSTOMIZE, OLM} and not (one.watched and project.limitable)
    ]
    users = [
        rbac.user_role(project, resource, level)
        for resource in project.resources
        for level in ("editor", "viewer")
    ]
    return [*rbac.service_accounts(project), *_granted(project, both), *users]


def _watched(project: Project) -> str:
    """The rights in the namespaces that are watched: Roles in each; ClusterRoles, if all are."""
    watched = [one for one in project.permissions if one.watched and project.limitable]
    if not watched:
        return ""
    roles = [replace(one, cluster=False) for one in watched]
    granted = _granted(project, roles)
    for one in granted:
        one["metadata"]["namespace"] = expression(". | quote")
    # Within a range, what the templates call `.` is a namespace.
    text = _objects(project, *granted).replace(" .Values.", " $.Values.")
    text = text.replace(" .Release.", " $.Release.")
    listed = f"{{{{- range {_namespaces(project)} }}}}\n{text}{{{{- end }}}}\n"
    if ALL_NAMESPACES not in project.install_modes:
        return listed
    everywhere = _objects(project, *_granted(project, watched))
    return listed + when("not .Values.watchNamespaces", everywhere)


def _namespaces(project: Project) -> str:
    """The namespaces that are watched, as an expression; empty for all."""
    if ALL_NAMESPACES in project.install_modes:
        return ".Values.watchNamespaces"
    return "(.Values.watchNamespaces | default (list .Release.Namespace))"


def _granted(project: Project, permissions: list[Permission]) -> list[Object]:
    return [make(project, one) for one in permissions for make in (rbac.role, rbac.binding)]


def _deployment(project: Project, deployment: Deployment) -> str:
    """One Deployment with its NetworkPolicy, PodDisruptionBudget and, of a webhook, Service."""
    own = f".Values.{component_key(deployment)}"
    parts = [_objects(project, _filled(project, deployment, own))]
    if workloads.is_webhook(project, deployment):
        parts.append(_objects(project, workloads.service(project, deployment)))
    budget = workloads.disruption_budget(project, deployment, namespaced=True)
    parts.append(when(f"gt (int {own}.replicas) 1", _objects(project, budget)))
    policy = workloads.network_policy(project, deployment, namespaced=True)
    parts.append(when(".Values.networkPolicy.enabled", _objects(project, policy)))
    return "".join(parts)


def _filled(project: Project, deployment: Deployment, own: str) -> Object:
    image = expression(f'include "{project.name}.image" . | quote')
    found = workloads.deployment_object(project, deployment, image)
    spec, pod = found["spec"], found["spec"]["template"]["spec"]
    spec["replicas"] = expression(f"{own}.replicas")
    meta = spec["template"]["metadata"]
    meta["labels"] = extended(meta["labels"], f"{own}.podLabels")
    meta["annotations"] = extended(meta["annotations"], f"{own}.podAnnotations")
    pod |= optional("imagePullSecrets", ".Values.imagePullSecrets")
    pod.pop("affinity", None)
    for key in ("nodeSelector", "tolerations", "affinity"):
        pod |= optional(key, f"{own}.{key}")
    (container,) = pod["containers"]
    container["imagePullPolicy"] = expression(".Values.image.pullPolicy")
    # The cluster has no OLM that would make certificates.
    container["args"] += [*deployment.certificate_args, _rest(f"{own}.extraArgs")]
    container["env"] = _environment(project, deployment, container["env"], own)
    del container["resources"]
    container |= optional("resources", f"{own}.resources")
    return found


def _environment(
    project: Project, deployment: Deployment, present: list[Object], own: str
) -> list[Any]:
    related = {one.env: one for one in project.related_images} if deployment.api_access else {}
    found: list[Any] = []
    for variable in present:
        name = variable["name"]
        if name in related:
            path = f".Values.relatedImages.{name}"
            default = f'"{related[name].image}"'
            if related[name].image is None:
                default = f'(include "{project.name}.image" .)'
            found.append({"name": name, "value": expression(f"{path} | default {default} | quote")})
        elif name == "LOG_FORMAT":
            found.append({"name": name, "value": expression(".Values.log.format")})
        else:
            found.append(variable)
    if deployment.api_access and project.limitable:
        lines = (
            f"{{{{- with {_namespaces(project)} }}}}",
            f"- name: {WATCH_NAMESPACE}",
            '  value: {{ join "," . | quote }}',
            "{{- end }}",
        )
        found.append(block("\n".join(lines)))
    if logs(deployment) and "LOG_LEVEL" not in deployment.env:
        lines = (
            "{{- with .Values.log.level }}",
            "- name: LOG_LEVEL",
            "  value: {{ . }}",
            "{{- end }}",
        )
        found.append(block("\n".join(lines)))
    lines = (
        f"{{{{- range $name, $value := {own}.env }}}}",
        "- name: {{ $name | quote }}",
        "  value: {{ $value | quote }}",
        "{{- end }}",
    )
    return [*found, block("\n".join(lines))]


def _rest(path: str) -> str:
    """The items of the list at `path` after a list's own."""
    return block(f"{{{{- range {path} }}}}\n- {{{{ . | quote }}}}\n{{{{- end }}}}")


def _monitoring(project: Project) -> Object:
    """The ConfigMap of ServiceMonitor and PrometheusRule, whose labels have values, too."""
    own = workloads.labels(project)
    pairs = " ".join(f'"{key}" "{text}"' for key, text in own.items())
    labels = json_expression(f"merge (dict {pairs}) .Values.monitoring.labels | toJson")
    return monitoring.config_map(project, namespaced=True, labels=labels)
