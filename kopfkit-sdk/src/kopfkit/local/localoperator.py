"""The operator of a checkout as processes: which module, which arguments, which images."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kopfkit import project as projects
from kopfkit.project import Project


@dataclass(frozen=True)
class Operator:
    """The operator of this checkout, as it is started.

    Attributes:
        module: what `python -m` runs.
        version: of the checkout.
        project: its description.
    """

    module: str
    version: str
    project: Project

    @classmethod
    def load(cls) -> "Operator":
        """From the checkout of the current directory; KopfkitError if there is none."""
        project = projects.load()
        pyproject = tomllib.loads((projects.find_root() / "pyproject.toml").read_text("utf-8"))
        return cls(projects.module(), str(pyproject.get("project", {}).get("version", "")), project)

    @property
    def crds(self) -> list[str]:
        """The CRDs that are converted: those with several versions."""
        converted = self.project.conversion is not None
        return [r.crd_name for r in self.project.resources if converted and len(r.versions) > 1]

    @property
    def controllers(self) -> list[str]:
        """Names of the Deployments that write to the cluster."""
        webhook = self.project.conversion.deployment if self.project.conversion else ""
        return [d.name for d in self.project.deployments if d.name != webhook]

    def arguments(self, deployment: str, **flags: object) -> list[str]:
        """The arguments of one of the processes, with `flags` (cert_dir for --cert-dir) in place of
        those that hold in a pod."""
        own = {f"--{name.replace('_', '-')}": value for name, value in flags.items()}
        kept = [a for a in self.project.deployment(deployment).args if a.split("=")[0] not in own]
        return [*kept, *(f"{flag}={value}" for flag, value in own.items())]

    def images(self, given: str | None, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment variables with the images that the operator runs."""
        own = given or f"{self.project.image_base}:v{self.version}"
        found = {image.env: image.image or own for image in self.project.related_images}
        # What the person has set stays, unless the flag says otherwise.
        return {env: (given or environment.get(env) or image) for env, image in found.items()}

    def samples(self, stored: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """One sample for each version that is served but not stored; `stored` by CRD."""
        chosen: dict[tuple[str, str], Mapping[str, Any]] = {}
        for resource in self.project.resources:
            for sample in self.project.samples:
                group, _, version = sample["apiVersion"].rpartition("/")
                ours = (group, sample["kind"]) == (resource.group, resource.kind)
                if ours and stored.get(resource.crd_name) not in (None, version):
                    chosen.setdefault((resource.crd_name, version), sample)
        return list(chosen.values())
