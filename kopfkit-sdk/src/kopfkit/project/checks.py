"""What makes a Project's description valid, every fault at once.

Rules come from Kubernetes (names: RFC 1123; label values), from OLM (a conversion webhook's
Deployment name has no dots, 63 characters with `-service-cert`) and from OperatorHub.io
(categories, capability levels: operator-framework/api, pkg/validation/internal).
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from kopfkit.environment import ALL_NAMESPACES, INSTALL_MODES, OWN_NAMESPACE
from kopfkit.project.description import Description
from kopfkit.project.faults import Faults
from kopfkit.project.parts import KUSTOMIZE, OLM, Deployment, Permission
from kopfkit.project.terms import ARCHITECTURES, CAPABILITIES, CATEGORIES, FEATURES
from kopfkit.quantities import parse_quantity

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
ALERT = re.compile(r"[A-Z][A-Za-z0-9]*")
SEVERITIES = ("critical", "warning", "info")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

# OLM appends `-service-cert`; the result names a Secret and a DNS label of the Service.
WEBHOOK_NAME_MAX = 63 - len("-service-cert")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text


def _unique(faults: Faults, place: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        faults.require(name not in seen, place, f"{name!r} occurs twice")
        seen.add(name)


def _names(project: Description, faults: Faults) -> None:
    for place, text in (("name", project.name), ("namespace", project.namespace)):
        faults.require(
            LABEL.fullmatch(text) and len(text) <= 63,
            place,
            f"{text!r} is not a DNS label (lower case letters, digits, '-', at most 63)",
        )
    for place in ("display_name", "summary", "description", "maturity"):
        faults.require(getattr(project, place).strip(), place, "is empty")
    faults.require("\n" not in project.summary, "summary", "has more than one line")
    faults.require(
        VERSION.fullmatch(project.min_kube_version),
        "min_kube_version",
        f"{project.min_kube_version!r} is not of the form 1.31.0",
    )
    faults.require(
        project.capabilities in CAPABILITIES,
        "capabilities",
        f"{project.capabilities!r} is not one of {', '.join(CAPABILITIES)}",
    )
    for name in sorted(project.features - {*FEATURES}):
        faults.add("features", f"{name!r} is not one of {', '.join(FEATURES)}")
    faults.require(project.architectures, "architectures", "is empty")
    for index, name in enumerate(project.architectures):
        faults.require(
            name in ARCHITECTURES,
            f"architectures[{index}]",
            f"{name!r} is not one of {', '.join(ARCHITECTURES)}",
        )
    for index, category in enumerate(project.categories):
        faults.require(
            category in CATEGORIES,
            f"categories[{index}]",
            f"{category!r} is not one of {', '.join(CATEGORIES)}",
        )


def _contacts(project: Description, faults: Faults) -> None:
    faults.require(project.provider.name.strip(), "provider.name", "is empty")
    faults.require(
        _is_url(project.repository), "repository", f"{project.repository!r} is not a URL"
    )
    for index, link in enumerate(project.links):
        faults.require(link.name.strip(), f"links[{index}].name", "is empty")
        faults.require(
            _is_url(link.url), f"links[{index}].url", f"{link.url!r} is not an http(s) URL"
        )
    faults.require(project.maintainers, "maintainers", "is empty: a catalog needs at least one")
    for index, one in enumerate(project.maintainers):
        faults.require(one.name.strip(), f"maintainers[{index}].name", "is empty")
        faults.require(
            EMAIL.fullmatch(one.email),
            f"maintainers[{index}].email",
            f"{one.email!r} is not an email address",
        )
    faults.require(
        project.icon.media_type in ("image/svg+xml", "image/png"),
        "icon.media_type",
        f"{project.icon.media_type!r} is neither image/svg+xml nor image/png",
    )
    faults.require(project.icon.data, "icon.data", "is empty")


def _deployment(index: int, one: Deployment, faults: Faults) -> None:
    at = f"deployments[{index}]"
    for place, text in (("name", one.name), ("container", one.container)):
        faults.require(
            LABEL.fullmatch(text) and len(text) <= 63,
            f"{at}.{place}",
            f"{text!r} is not a DNS label",
        )
    faults.require(one.replicas >= 1, f"{at}.replicas", f"{one.replicas} is less than 1")
    faults.require(0 < one.health_port < 65536, f"{at}.health_port", "is no port (1 to 65535)")
    for place in ("live_path", "ready_path"):
        path = getattr(one, place)
        faults.require(path.startswith("/"), f"{at}.{place}", f"{path!r} has no leading /")
    faults.require(
        0 <= one.metrics_port < 65536 and one.metrics_port != one.health_port,
        f"{at}.metrics_port",
        "is no port of its own (1 to 65535, or 0 for none)",
    )
    for place, text in (
        ("cpu", one.cpu),
        ("memory", one.memory),
        ("memory_limit", one.memory_limit),
    ):
        number = parse_quantity(text)
        faults.require(
            number is not None and number >= 0, f"{at}.{place}", f"{text!r} is no quantity"
        )
    for name in one.env:
        faults.require(ENV.fullmatch(name), f"{at}.env", f"{name!r} is no variable name")
    faults.require(
        0 <= one.pre_stop_seconds < one.grace_seconds,
        f"{at}.pre_stop_seconds",
        f"{one.pre_stop_seconds} s leave nothing of grace_seconds ({one.grace_seconds} s) to drain",
    )


def _permission(index: int, one: Permission, project: Description, faults: Faults) -> None:
    at = f"permissions[{index}]"
    accounts = [deployment.name for deployment in project.deployments]
    faults.require(
        one.service_account in accounts,
        f"{at}.service_account",
        f"{one.service_account!r} belongs to no deployment ({', '.join(accounts)})",
    )
    faults.require(
        one.modes and one.modes <= {KUSTOMIZE, OLM}, f"{at}.modes", f"{sorted(one.modes)}"
    )
    faults.require(one.rules, f"{at}.rules", "is empty")
    for number, rule in enumerate(one.rules):
        here = f"{at}.rules[{number}]"
        for place in ("groups", "resources", "verbs"):
            values = getattr(rule, place)
            faults.require(values, f"{here}.{place}", "is empty")
            faults.require("*" not in values, f"{here}.{place}", "'*' grants more than is needed")
        if rule.names:
            # RBAC cannot match a name that the request does not carry yet.
            faults.require(
                "create" not in rule.verbs, f"{here}.names", "create cannot be limited to names"
            )


def _apis(project: Description, faults: Faults) -> None:
    faults.require(project.resources, "resources", "is empty")
    known = {
        (f"{resource.group}/{version.name}", resource.kind)
        for resource in project.resources
        for version in resource.versions
        if version.served
    }
    sampled: set[tuple[object, object]] = set()
    for index, sample in enumerate(project.samples):
        gvk = (sample.get("apiVersion"), sample.get("kind"))
        faults.require(gvk in known, f"samples[{index}]", f"{gvk[0]} {gvk[1]} is not served")
        name = sample.get("metadata", {}).get("name")
        faults.require(
            isinstance(name, str) and SUBDOMAIN.fullmatch(name),
            f"samples[{index}].metadata.name",
            f"{name!r} is no object name",
        )
        sampled.add(gvk)
    for api, kind in sorted(known - sampled):
        faults.add("samples", f"none for {api} {kind}")
    several = [r.crd_name for r in project.resources if len(r.versions) > 1]
    if project.conversion is None:
        for crd in several:
            faults.add("conversion", f"{crd} has several versions and nothing converts them")


def _webhooks(project: Description, faults: Faults) -> None:
    conversion, admission = project.conversion, project.admission
    for field, webhook in (("conversion", conversion), ("admission", admission)):
        if webhook is None:
            continue
        name = webhook.deployment
        faults.require(
            name in [deployment.name for deployment in project.deployments],
            f"{field}.deployment",
            f"{name!r} is not in deployments",
        )
        faults.require(
            len(name) <= WEBHOOK_NAME_MAX,
            f"{field}.deployment",
            f"is longer than {WEBHOOK_NAME_MAX}: OLM appends -service-cert",
        )
        faults.require(0 < webhook.port < 65536, f"{field}.port", "is no port")
    if conversion is not None:
        for place in ("path", "guard_path"):
            path = getattr(conversion, place)
            faults.require(path.startswith("/"), f"conversion.{place}", "has no leading /")
    if admission is None:
        return
    if conversion is not None:
        for place in ("deployment", "port", "cert_dir"):
            faults.require(
                getattr(admission, place) == getattr(conversion, place),
                f"admission.{place}",
                "differs from the conversion's: one process serves both",
            )
    faults.require(admission.hooks, "admission.hooks", "is empty")
    _unique(faults, "admission.hooks", [hook.path for hook in admission.hooks])
    known = {
        (resource.group, version.name, resource.plural, resource.kind)
        for resource in project.resources
        for version in resource.versions
    }
    for index, hook in enumerate(admission.hooks):
        faults.require(
            (hook.group, hook.version, hook.plural, hook.kind) in known,
            f"admission.hooks[{index}]",
            f"{hook.group}/{hook.version} {hook.kind} is no resource of the project",
        )


def _monitoring(project: Description, faults: Faults) -> None:
    monitoring = project.monitoring
    if monitoring is None:
        return
    faults.require(
        any(one.metrics_port for one in project.deployments),
        "monitoring",
        "no deployment has a metrics_port",
    )
    faults.require(
        _is_url(monitoring.runbooks), "monitoring.runbooks", f"{monitoring.runbooks!r} is not a URL"
    )
    faults.require(
        not monitoring.generated or _is_url(monitoring.generated),
        "monitoring.generated",
        f"{monitoring.generated!r} is not a URL",
    )
    faults.require(monitoring.interval_seconds > 0, "monitoring.interval_seconds", "is not above 0")
    _unique(faults, "monitoring.alerts", [alert.name for alert in monitoring.alerts])
    for alert in monitoring.alerts:
        at = f"monitoring.alerts[{alert.name}]"
        faults.require(ALERT.fullmatch(alert.name), f"{at}.name", "is not in CamelCase")
        faults.require(alert.severity in SEVERITIES, f"{at}.severity", f"{alert.severity!r}")
        faults.require(alert.minutes >= 0, f"{at}.minutes", "is negative")
        for place in ("expr", "summary", "description"):
            faults.require(getattr(alert, place).strip(), f"{at}.{place}", "is empty")


def _install_modes(project: Description, faults: Faults) -> None:
    modes = project.install_modes
    for mode in modes:
        faults.require(
            mode in INSTALL_MODES,
            "install_modes",
            f"{mode!r} is not one of {', '.join(INSTALL_MODES)}",
        )
    _unique(faults, "install_modes", modes)
    faults.require(
        {OWN_NAMESPACE, ALL_NAMESPACES} & {*modes},
        "install_modes",
        f"has neither {ALL_NAMESPACES} nor {OWN_NAMESPACE}: config/default is for one of them",
    )
    if not project.limitable:
        return
    faults.require(
        project.conversion is None,
        "install_modes",
        f"a conversion webhook serves all namespaces: only {ALL_NAMESPACES} can be supported",
    )
    for resource in project.resources:
        faults.require(
            resource.scope == "Namespaced",
            "install_modes",
            f"{resource.crd_name} is cluster-scoped: only {ALL_NAMESPACES} can be supported",
        )


def check(project: Description) -> None:
    """KopfkitError that names every fault of the description, if there is one."""
    faults = Faults(f"project {project.name or '(without a name)'}")
    _names(project, faults)
    _contacts(project, faults)
    faults.require(project.deployments, "deployments", "is empty")
    _unique(faults, "deployments", [deployment.name for deployment in project.deployments])
    for index, deployment in enumerate(project.deployments):
        _deployment(index, deployment, faults)
    for index, permission in enumerate(project.permissions):
        _permission(index, permission, project, faults)
    _unique(
        faults, "permissions", [f"{one.service_account}/{one.name}" for one in project.permissions]
    )
    _unique(faults, "related_images", [image.name for image in project.related_images])
    for index, image in enumerate(project.related_images):
        faults.require(
            ENV.fullmatch(image.env) and image.env.startswith("RELATED_IMAGE_"),
            f"related_images[{index}].env",
            f"{image.env!r} does not begin with RELATED_IMAGE_ (what pins digests looks for it)",
        )
    _apis(project, faults)
    _webhooks(project, faults)
    _monitoring(project, faults)
    _install_modes(project, faults)
    faults.raise_if_any()
