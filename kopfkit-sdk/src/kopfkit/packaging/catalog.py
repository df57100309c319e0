"""The file-based catalog: package, channels and bundles, and catalog.Dockerfile.

What `opm render --migrate-level=bundle-object-to-csv-metadata` yields for the bundle image,
without pulling it. The channel entries are the upgrade graph: OLM ignores the CSVs' edges in such a
catalog.
"""

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kopfkit.packaging.bundle import manifests
from kopfkit.packaging.editions import edition
from kopfkit.packaging.headers import header
from kopfkit.packaging.inputs import check_image
from kopfkit.packaging.kustomize import Tree
from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.workloads import Object
from kopfkit.project import Faults, Project
from kopfkit.yamls import dump

HEADER = header("kopfkit catalog generate", "the project description and catalog/releases.yaml")
# Default of OPM_IMAGE: carries /bin/opm and /bin/grpc_health_probe, which is the readiness probe.
OPM_IMAGE = "quay.io/operator-framework/opm:v1.61.0"
# Fields of the CSV's spec in the property olm.csv.metadata, in the order of opm's struct
# (operator-registry, alpha/property/property.go); labels are those of metadata.
_METADATA = (
    ("apiservicedefinitions", "apiServiceDefinitions"),
    ("customresourcedefinitions", "crdDescriptions"),
    ("description", "description"),
    ("displayName", "displayName"),
    ("installModes", "installModes"),
    ("keywords", "keywords"),
    ("labels", "labels"),
    ("links", "links"),
    ("maintainers", "maintainers"),
    ("maturity", "maturity"),
    ("minKubeVersion", "minKubeVersion"),
    ("nativeAPIs", "nativeAPIs"),
    ("provider", "provider"),
)


def check_inputs(bundle_image: str, operator_image: str, base_image: str) -> None:
    """KopfkitError that names every invalid image reference."""
    faults = Faults("catalog generate")
    check_image(faults, "--bundle-img", bundle_image)
    check_image(faults, "--img", operator_image)
    check_image(faults, "--opm-img", base_image)
    faults.raise_if_any()


def package(project: Project, history: History) -> Object:
    """The olm.package."""
    return {
        "schema": "olm.package",
        "name": project.name,
        "defaultChannel": history.default_channel,
        "description": project.description,
        "icon": {
            "base64data": base64.b64encode(project.icon.data).decode(),
            "mediatype": project.icon.media_type,
        },
    }


def edges_of(name: str, release: Release, channel: str) -> Object:
    """What a channel's entry says of a release of package `name` beside its own name."""
    edges = release.entry(channel)
    entry: Object = {}
    if edges.replaces:
        # Also where the channel does not have that one: who comes from another channel is taken in.
        entry["replaces"] = release.name(name, edges.replaces)
    if edges.skips:
        entry["skips"] = [release.name(name, version) for version in edges.skips]
    if edges.skip_range:
        entry["skipRange"] = edges.skip_range
    return entry


def channels(history: History) -> list[Object]:
    """The olm.channel of each channel, with the ways between its releases."""
    return [
        {
            "schema": "olm.channel",
            "package": history.package,
            "name": channel,
            "entries": [
                {
                    "name": release.name(history.package),
                    **edges_of(history.package, release, channel),
                }
                for release in history.releases
                if channel in release.channels
            ],
        }
        for channel in history.channels
    ]


def csv_metadata(csv: Mapping[str, Any]) -> Object:
    """The value of the property olm.csv.metadata for a CSV."""
    value: Object = {"annotations": dict(csv["metadata"]["annotations"])}
    for source, target in _METADATA:
        place = csv["metadata"] if source == "labels" else csv["spec"]
        if source in place:
            value[target] = place[source]
    return value


def bundle_entry(project: Project, release: Release, image: str, bundle_image: str) -> Object:
    """The olm.bundle of a release."""
    csv = manifests(project, release, image)[f"{project.name}.clusterserviceversion.yaml"]
    properties: list[Object] = [
        {
            "type": "olm.gvk",
            "value": {"group": resource.group, "kind": resource.kind, "version": version},
        }
        for resource in edition(project, release).resources
        for version in sorted(each.name for each in resource.versions if each.served)
    ]
    properties.append(
        {
            "type": "olm.package",
            "value": {"packageName": project.name, "version": release.version},
        }
    )
    properties.append({"type": "olm.csv.metadata", "value": csv_metadata(csv)})
    related = [{"name": "", "image": bundle_image}, *csv["spec"]["relatedImages"]]
    return {
        "schema": "olm.bundle",
        "name": release.name(project.name),
        "package": project.name,
        "image": bundle_image,
        "properties": properties,
        # opm's order: by image, equal ones as they came.
        "relatedImages": sorted(related, key=lambda one: str(one["image"])),
    }


def deprecations(history: History) -> list[Object]:
    """The olm.deprecations: what clients show at a release that nobody should install any more."""
    entries = [
        {
            "reference": {"schema": "olm.bundle", "name": release.name(history.package)},
            "message": release.deprecation,
        }
        for release in history.releases
        if release.deprecation
    ]
    if not entries:
        return []
    return [{"schema": "olm.deprecations", "package": history.package, "entries": entries}]


def catalog_tree(
    project: Project,
    history: History,
    images: Mapping[str, tuple[str, str]],
    published: Mapping[str, Object] = MappingProxyType({}),
) -> Tree:
    """Everything under catalog/<package>/, by path below it.

    Args:
        images: version -> (operator image, bundle image), for each release that is not published.
        published: version -> bundle, of those that are (`published`).
    """
    bundles = [
        published.get(release.version) or bundle_entry(project, release, *images[release.version])
        for release in history.releases
    ]
    documents = [
        package(project, history),
        *channels(history),
        *deprecations(history),
        *bundles,
    ]
    return {"catalog.yaml": HEADER + dump(*documents)}


def catalog_dockerfile(project: Project, base_image: str = OPM_IMAGE) -> str:
    """catalog.Dockerfile; the build context is the checkout."""
    return f"""{HEADER}# An image with /bin/opm and /bin/grpc_health_probe.
ARG OPM_IMAGE={base_image}
FROM ${{OPM_IMAGE}}

COPY catalog/{project.name} /configs/{project.name}
# Without a cache in the image opm refuses to serve from a read-only root file system.
RUN ["/bin/opm", "serve", "/configs", "--cache-dir=/tmp/cache", "--cache-only"]

LABEL operators.operatorframework.io.index.configs.v1=/configs
EXPOSE 50051
ENTRYPOINT ["/bin/opm"]
CMD ["serve", "/configs", "--cache-dir=/tmp/cache"]
"""
