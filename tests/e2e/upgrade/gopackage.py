"""The operator of benchmarks/go as a package of OLM's, at whichever release a test has it."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gobundles
from bench import peerbuild
from helloworld_operator.project import PROJECT
from kopfkit.docker import context
from kopfkit.docker.engine import Engine
from kopfkit.host.progress import Progress
from kopfkit.image import baseimage, digests, guardimage
from kopfkit.olm import rendering, subscription
from kopfkit.packaging import guards, injection
from kopfkit.packaging.catalog import catalog_dockerfile
from kopfkit.packaging.writer import write
from kopfkit.yamls import dump

from .conftest import UPGRADE, Package

NAMESPACE = "hello-go-system"
OLD, NEW = "0.1.0", "0.2.0"
SOURCE = Path(__file__).parents[3] / "benchmarks" / "go"


@dataclass
class GoPackage(Package):
    """The package in the cluster's OLM."""

    def upgrade(self, catalog: str) -> str:
        """Subscribe to the head of a catalog and wait until it is installed; the CSV's name."""
        installed = subscription.subscribe(
            self.kubeconfig,
            package=gobundles.PACKAGE,
            channel=injection.CHANNEL,
            catalog_image=catalog,
            namespace=NAMESPACE,
            catalog_namespace=NAMESPACE,
            progress=Progress(),
            timeout=UPGRADE,
        )
        return installed.csv

    def rollouts(self) -> int:
        """How many pod templates the webhook's Deployment has had."""
        found = self.kubectl.get("deployments.apps", gobundles.WEBHOOK, NAMESPACE)
        annotations = found["metadata"]["annotations"] if found else {}
        return int(annotations.get("deployment.kubernetes.io/revision", 0))


@dataclass
class GoPublisher:
    """Builds and pushes the operator, the guard, and their bundles and catalogs; all by digest.

    Attributes:
        engine: builds and pushes.
        base: prefix of the images' names, with the registry.
    """

    engine: Engine
    base: str

    def operator(self) -> str:
        """The conversion webhook, which is all that the operator has."""
        binary = peerbuild.go("webhook", SOURCE, Progress())
        recipe = 'FROM scratch\nCOPY webhook /webhook\nUSER 65532\nENTRYPOINT ["/webhook"]\n'
        return self._push(f"{self.base}:v1", recipe, {"webhook": binary})

    def guard(self) -> str:
        """The guard, as `kopfkit guard image` builds it."""
        tag = f"{self.base}-guard:v1"
        guardimage.build(tag, Progress())
        self.engine.docker("push", "--quiet", tag)
        return digests.pin(tag)

    def catalogs(self, operator: str, guard: str = "", *flags: str) -> tuple[str, str]:
        """A catalog with the old release, and one that has the new release too.

        Args:
            guard: the guard's image, which `kopfkit guard inject` puts into both releases; "" for
                bundles without a guard.
            flags: more arguments of the operator.
        """
        # Part of a tag, which takes no "=".
        kind = "-".join(("guarded" if guard else "plain", *(re.sub(r"\W", "", f) for f in flags)))
        old = self._bundle(OLD, "", operator, guard, kind, flags)
        first = injection.first(old)
        new = self._bundle(NEW, OLD, operator, guard, kind, flags)
        second = injection.above(first, injection.CHANNEL, old["name"], new)
        return self._catalog(f"{OLD}-{kind}", first), self._catalog(f"{NEW}-{kind}", second)

    def _bundle(
        self,
        version: str,
        replaces: str,
        operator: str,
        guard: str,
        kind: str,
        flags: Sequence[str],
    ) -> rendering.Blob:
        documents = gobundles.bundle(version, image=operator, replaces=replaces, flags=flags)
        marks = documents["metadata/annotations.yaml"]["annotations"]
        recipe = "FROM scratch\n" + "".join(f"LABEL {key}={marks[key]}\n" for key in marks)
        recipe += "COPY bundle/manifests /manifests/\nCOPY bundle/metadata /metadata/\n"
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch) / "bundle"
            for name, text in gobundles.texts(documents).items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_text(text)
            if guard:
                write(guards.outputs(guards.inject(place, guard).files), overwrite=True)
            pushed = self._push(f"{self.base}-bundle:{version}-{kind}", recipe, {"bundle": place})
        return rendering.bundle(pushed, Progress())

    def _catalog(self, tag: str, documents: list[rendering.Blob]) -> str:
        recipe = catalog_dockerfile(PROJECT, baseimage.ensure_opm(self.engine, Progress()))
        files = {f"catalog/{PROJECT.name}/catalog.yaml": dump(*documents)}
        return self._push(f"{self.base}-catalog:{tag}", recipe, files)

    def _push(self, tag: str, recipe: str, files: Mapping[str, Path | str]) -> str:
        context.build(self.engine, tag, recipe, files)
        self.engine.docker("push", "--quiet", tag)
        return digests.pin(tag)
