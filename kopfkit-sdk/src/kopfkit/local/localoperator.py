"""The operator of a checkout as processes: which module, which arguments, which images."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit import project as projects
from kopfkit.host import ports
from kopfkit.project import Project


@dataclass(frozen=True)
class Operator:
    """The operator of this checkout, as it is started.

    Attributes:
        module: what `python -m` runs.
        version: of the checkout.
        project: its description.
        root: the directory of its pyproject.toml.
    """

    module: str
    version: str
    project: Project
    root: Path = Path()

    @classmethod
    def load(cls) -> "Operator":
        """From the checkout of the current directory; KopfkitError if there is none."""
        project = projects.load()
        root = projects.find_root()
        pyproject = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        version = str(pyproject.get("project", {}).get("version", ""))
        return cls(projects.module(), version, project, root)

    @property
    def crds(self) -> list[str]:
        """The CRDs that are converted: those with several versions."""
        converted = self.project.conversion is not None
        return [r.crd_name for r in self.project.resources if converted and len(r.versions) > 1]

    @property
    def convert_path(self) -> str:
        """Where the webhook converts; "" where nothing is converted."""
        return self.project.conversion.path if self.project.conversion else ""

    @property
    def controllers(self) -> list[str]:
        """Names of the Deployments that write to the cluster."""
        webhook = self.project.webhook.deployment if self.project.webhook else ""
        return [d.name for d in self.project.deployments if d.name != webhook]

    def words(self, debug: int | None = None) -> list[str]:
        """What Python is given to run it; with `debug`, it waits on that port for a debugger."""
        words = ["-m", self.module]
        if debug is None:
            return words
        debugger = ["-m", "debugpy", "--listen", f"{ports.HOST}:{debug}", "--wait-for-client"]
        return ["-Xfrozen_modules=off", *debugger, *words]

    def arguments(self, deployment: str, *, debug: bool = False, **flags: object) -> list[str]:
        """The arguments of one of the processes, as the description says them. Of its flags, those
        that are `flags`, too (cert_dir for --cert-dir), get these values instead of the pod's."""
        found = self.project.deployment(deployment)
        own = {f"--{name.replace('_', '-')}": value for name, value in flags.items()}
        said = (*found.args, *found.local_args, *(found.debug_args if debug else ()))
        split = [(each, *each.partition("=")[:2]) for each in said]
        return [
            f"{flag}={own[flag]}" if equals and flag in own else each
            for each, flag, equals in split
        ]

    def takes(self, deployment: str, flag: str) -> bool:
        """Whether the description gives a process this flag with a value (`--health-port=8080`)."""
        found = self.project.deployment(deployment)
        return any(one.startswith(f"{flag}=") for one in (*found.args, *found.local_args))

    def health_port(self, deployment: str) -> int:
        """The port of a process's probes, where its arguments do not let it be chosen; else 0."""
        chosen = self.takes(deployment, "--health-port")
        return 0 if chosen else self.project.deployment(deployment).health_port

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
