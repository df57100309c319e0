"""kopfkit's own checks of a bundle and a catalog on the disk.

operator-sdk's and opm's validators judge each format for itself; these are the rules between files,
and those of conversion webhooks under OLM, which no public validator knows.
"""

from pathlib import Path
from typing import Any

import yaml

from kopfkit.packaging.bundle import PREFIX
from kopfkit.packaging.releases import History
from kopfkit.project import Faults, Project


def _load(faults: Faults, path: Path) -> list[Any]:
    """The documents of a YAML file; a file that cannot be had is a fault and an empty list."""
    try:
        return list(yaml.safe_load_all(path.read_text("utf-8")))
    except OSError as error:
        faults.add(str(path), f"cannot be read ({error.strerror})")
    except (yaml.YAMLError, ValueError) as error:
        faults.add(str(path), f"is not YAML ({error})")
    return []


def _labels(path: Path) -> dict[str, str]:
    found = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        if line.startswith("LABEL "):
            name, _, value = line.removeprefix("LABEL ").partition("=")
            found[name] = value
    return found


def _metadata(faults: Faults, root: Path) -> None:
    documents = _load(faults, root / "bundle/metadata/annotations.yaml")
    annotations = documents[0].get("annotations", {}) if documents else {}
    labels = _labels(root / "bundle.Dockerfile")
    for name in sorted({*annotations, *labels}):
        if name.startswith(PREFIX):
            faults.require(
                annotations.get(name) == labels.get(name),
                f"bundle.Dockerfile, bundle/metadata/annotations.yaml: {name}",
                f"{labels.get(name)!r} and {annotations.get(name)!r} do not agree",
            )


def _conversion(faults: Faults, place: str, csv: dict[str, Any], crds: dict[str, Any]) -> None:
    """OLM's rules for conversion webhooks (operator-lifecycle-manager, pkg/controller/install)."""
    spec = csv.get("spec", {})
    hooks = [
        hook
        for hook in spec.get("webhookdefinitions", [])
        if hook.get("type") == "ConversionWebhook"
    ]
    converted = {name for hook in hooks for name in hook.get("conversionCRDs", [])}
    owned = {one["name"] for one in spec.get("customresourcedefinitions", {}).get("owned", [])}
    names = [hook.get("generateName") for hook in spec.get("webhookdefinitions", [])]
    faults.require(
        len(set(names)) == len(names), f"{place}: webhookdefinitions", "share a generateName"
    )
    modes = {one["type"] for one in spec.get("installModes", []) if one["supported"]}
    if hooks:
        faults.require(
            modes == {"AllNamespaces"},
            f"{place}: installModes",
            f"are {sorted(modes)}; a conversion webhook allows AllNamespaces only",
        )
    for hook in hooks:
        faults.require(
            hook.get("admissionReviewVersions") == ["v1"],
            f"{place}: {hook.get('generateName')}",
            'admissionReviewVersions is not ["v1"]: the versions are those of the review',
        )
    for name in sorted(converted - owned):
        faults.add(f"{place}: conversionCRDs", f"{name} is not owned")
    for name, crd in sorted(crds.items()):
        several = len(crd["spec"]["versions"]) > 1
        strategy = crd["spec"].get("conversion", {}).get("strategy", "None")
        if several:
            faults.require(name in converted, f"{place}: {name}", "has no conversion webhook")
            faults.require(
                strategy == "Webhook",
                f"CRD {name}",
                f"strategy {strategy} loses fields between its versions",
            )
        for hook in spec.get("webhookdefinitions", []):
            wanted = hook.get("objectSelector", {}).get("matchLabels", {}).items()
            if several and hook.get("type") == "MutatingAdmissionWebhook" and _on_crds(hook):
                faults.require(
                    wanted <= crd["metadata"].get("labels", {}).items(),
                    f"CRD {name}",
                    f"lacks the labels by which {hook.get('generateName')} is asked about it",
                )
        bundle = crd["spec"].get("conversion", {}).get("webhook", {}).get("clientConfig", {})
        faults.require(
            "caBundle" not in bundle, f"CRD {name}", "carries a caBundle, which is OLM's to write"
        )


def _on_crds(hook: dict[str, Any]) -> bool:
    rules = hook.get("rules", [])
    return any("customresourcedefinitions" in rule.get("resources", []) for rule in rules)


def bundle_faults(project: Project, root: Path) -> Faults:
    """Every fault of bundle/ and bundle.Dockerfile in a checkout."""
    faults = Faults("bundle")
    directory = root / "bundle" / "manifests"
    objects: list[dict[str, Any]] = []
    for path in sorted(directory.glob("*.yaml")):
        objects += [one for one in _load(faults, path) if isinstance(one, dict)]
    if not faults.require(objects, str(directory), "holds no manifests (run make bundle)"):
        return faults
    csvs = [one for one in objects if one.get("kind") == "ClusterServiceVersion"]
    crds = {
        one["metadata"]["name"]: one
        for one in objects
        if one.get("kind") == "CustomResourceDefinition"
    }
    _metadata(faults, root)
    if faults.require(len(csvs) == 1, str(directory), f"holds {len(csvs)} CSVs, not one"):
        _conversion(faults, f"CSV {csvs[0]['metadata']['name']}", csvs[0], crds)
    for resource in project.resources:
        faults.require(resource.crd_name in crds, str(directory), f"lacks {resource.crd_name}")
    return faults


def catalog_faults(project: Project, history: History, root: Path) -> Faults:
    """Every fault of the catalog in a checkout, against its release history."""
    faults = Faults("catalog")
    path = root / "catalog" / project.name / "catalog.yaml"
    documents = [one for one in _load(faults, path) if isinstance(one, dict)]
    bundles = {one.get("name") for one in documents if one.get("schema") == "olm.bundle"}
    for release in history.releases:
        name = release.name(project.name)
        faults.require(name in bundles, str(path), f"lacks {name} of catalog/releases.yaml")
    channels = {one.get("name") for one in documents if one.get("schema") == "olm.channel"}
    faults.require(
        channels == set(history.channels),
        str(path),
        f"has channels {sorted(map(str, channels))}, catalog/releases.yaml {history.channels}",
    )
    objects = [
        one
        for document in documents
        for one in document.get("properties", [])
        if one.get("type") == "olm.bundle.object"
    ]
    faults.require(not objects, str(path), "has olm.bundle.object, which OLM no longer reads")
    return faults
