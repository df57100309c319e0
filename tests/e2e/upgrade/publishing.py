"""Bundles and catalogs of releases that differ in what protects the conversion.

A part is taken away from the generated bundle, never from the code: so the operator under test is
always the same image, and a table of what each part is good for can be measured.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from helloworld_operator.project import PROJECT
from kopfkit.docker import context
from kopfkit.docker.engine import Engine
from kopfkit.host.progress import Progress
from kopfkit.image import baseimage, digests
from kopfkit.packaging.bundle import bundle_dockerfile, labels, manifests
from kopfkit.packaging.catalog import catalog_dockerfile, catalog_tree
from kopfkit.packaging.releases import History, Release
from kopfkit.yamls import dump

Object = dict[str, Any]


@dataclass(frozen=True)
class Parts:
    """What a release has.

    Attributes:
        declared: the bundle's CRD declares the conversion webhook.
        guard: the admission webhook that keeps a conversion which works.
        owned: the webhook may make the certificate's Secret its Deployment's.
        followed: the webhook may watch its Secret, and so use a new certificate at once.
        protected: a conversion cannot be taken away from the CRD.
        slow: seconds before the webhook's pods are asked for their readiness.
    """

    declared: bool = True
    guard: bool = True
    owned: bool = True
    followed: bool = True
    protected: bool = True
    slow: int = 0

    def apply(self, found: dict[str, Object]) -> dict[str, Object]:
        """The manifests of a bundle, by file name, without the parts that are not to be there."""
        found = copy.deepcopy(found)
        for item in found.values():
            if item["kind"] == "ClusterServiceVersion":
                self._csv(item)
            elif item["kind"] == "CustomResourceDefinition" and not self.declared:
                item["spec"].pop("conversion", None)
        return found

    def _csv(self, csv: Object) -> None:
        spec = csv["spec"]
        hooks = spec.get("webhookdefinitions", [])
        if not self.guard:
            hooks[:] = [one for one in hooks if one["type"] != "MutatingAdmissionWebhook"]
        install = spec["install"]["spec"]
        for kind, group, kept, everybody in (
            ("permissions", "", self.owned, False),
            ("clusterPermissions", "admissionregistration.k8s.io", self.protected, True),
        ):
            for granted in install.get(kind, []):
                webhook = PROJECT.conversion and PROJECT.conversion.deployment
                if not kept and (everybody or granted["serviceAccountName"] == webhook):
                    rules = granted["rules"]
                    granted["rules"] = [each for each in rules if group not in each["apiGroups"]]
        if not self.followed:
            for granted in [*install["permissions"], *install["clusterPermissions"]]:
                for rule in granted["rules"]:
                    if PROJECT.conversion and rule.get("resourceNames") == [
                        PROJECT.conversion.secret
                    ]:
                        rule["verbs"] = [verb for verb in rule["verbs"] if verb != "watch"]
        for deployment in install["deployments"]:
            if PROJECT.conversion and deployment["name"] == PROJECT.conversion.deployment:
                for container in deployment["spec"]["template"]["spec"]["containers"]:
                    if self.slow:
                        container["readinessProbe"]["initialDelaySeconds"] = self.slow


ALL = Parts()
# Pods that become ready late: a certificate that was changed under them would be noticed.
SLOW = replace(ALL, slow=15)


@dataclass
class Publisher:
    """Builds and pushes bundles and catalogs.

    Attributes:
        engine: builds and pushes.
        base: prefix of the images' names, with the registry.
        operator: the operator's image of all releases.
    """

    engine: Engine
    base: str
    operator: str
    _bundles: dict[tuple[Release, Parts], str] = field(default_factory=dict)
    _opm: str = ""

    def catalog(self, *published: tuple[Release, Parts]) -> str:
        """The catalog of these releases, oldest first; by digest."""
        releases = [release for release, _ in published]
        history = History(PROJECT.name, "stable", ("candidate", "stable"), tuple(releases))
        images = {
            release.version: (self.operator, self._bundle(release, parts))
            for release, parts in published
        }
        if not self._opm:
            self._opm = baseimage.ensure_opm(self.engine, Progress())
        files = {
            f"catalog/{PROJECT.name}/{path}": text
            for path, text in catalog_tree(PROJECT, history, images).items()
        }
        versions = "-".join(release.version for release in releases)
        tag = f"{self.base}-catalog:{versions}-{abs(hash(tuple(published))):x}"
        return self._push(tag, catalog_dockerfile(PROJECT, self._opm), files)

    def _bundle(self, release: Release, parts: Parts) -> str:
        key = (replace(release, images={}), parts)
        if key not in self._bundles:
            found = parts.apply(manifests(PROJECT, release, self.operator))
            told(found, release.version)
            files = {f"bundle/manifests/{name}": dump(item) for name, item in found.items()}
            marks = labels(PROJECT, release.channels, "stable")
            files["bundle/metadata/annotations.yaml"] = dump({"annotations": marks})
            files["bundle/tests/scorecard/config.yaml"] = "{}\n"
            tag = f"{self.base}-bundle:{release.version}-{abs(hash(key)):x}"
            recipe = bundle_dockerfile(PROJECT, release.channels, "stable")
            self._bundles[key] = self._push(tag, recipe, files)
        return self._bundles[key]

    def _push(self, tag: str, recipe: str, files: dict[str, str]) -> str:
        context.build(self.engine, tag, recipe, files)
        self.engine.docker("push", "--quiet", tag)
        return digests.pin(tag)


def told(found: dict[str, Object], version: str) -> None:
    """Tell the version in the pods of a bundle, as the image of a release is another one than that
    of the release before: else OLM rolls nothing out, and OLM v1, which keeps the version with what
    it applied (operator-controller internal/operator-controller/applier/helm.go), forgets it."""
    for item in found.values():
        if item["kind"] == "ClusterServiceVersion":
            for deployment in item["spec"]["install"]["spec"]["deployments"]:
                metadata = deployment["spec"]["template"].setdefault("metadata", {})
                metadata["annotations"] = {**metadata.get("annotations", {}), "release": version}


def successor(release: Release, version: str, skips: Sequence[str] = ()) -> Release:
    """The next release of the same APIs."""
    return replace(
        release, version=version, replaces=release.version, skips=tuple(skips), skip_range=""
    )


def upto(history: History, version: str, parts: Parts) -> list[tuple[Release, Parts]]:
    """The releases of a catalog of the day when `version` was the newest."""
    versions = [release.version for release in history.releases]
    return [(release, parts) for release in history.releases[: versions.index(version) + 1]]


def both(history: History, old: str, new: str) -> list[str]:
    """The API versions whose clients must not notice an upgrade: those that both releases serve."""
    served = history.release(new).served
    return [version for version in history.release(old).served if version in served]
