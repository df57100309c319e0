"""Projects other than HelloWorld, from their source to OLM."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${{BASE_IMAGE}}
COPY {module}/ /opt/example/{module}/
ENV PYTHONPATH=/opt/example:/opt/helloworld-operator
ENTRYPOINT ["python3", "-m", "{module}"]
CMD ["run"]
"""


@dataclass
class Example:
    """A project in a folder of its own, with images in the cluster's registry."""

    module: str
    path: Path
    base: str
    kubeconfig: str
    mode: tuple[str, ...] = ()

    def kopfkit(self, *words: str) -> str:
        """Run a command of kopfkit in the folder, to its end."""
        argv = [sys.executable, "-c", "from kopfkit.cli import main; main()", *words]
        done = subprocess.run(
            argv, cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, f"kopfkit {' '.join(words)}\n{done.stdout}"
        return done.stdout

    def install(self, base_image: str, version: str = "0.1.0") -> str:
        """From the source to a ClusterServiceVersion; what the last command says.

        Args:
            base_image: has kopf and kopfkit.
            version: of the newest release.
        """
        kinds = ("operator", "b", "c")
        image, bundle, catalog = (f"{self.base}/{kind}:v{version}" for kind in kinds)
        (self.path / "Dockerfile").write_text(DOCKERFILE.format(module=self.module))
        self.kopfkit("image", "build", "operator", "--tag", image, "--base-image", base_image)
        self.kopfkit("image", "push", image)
        self.kopfkit("manifests", "--img", image)
        self.kopfkit("bundle", "generate", "--img", image)
        self.kopfkit("image", "build", "bundle", "--tag", bundle)
        self.kopfkit("image", "push", bundle)
        self.kopfkit("catalog", "generate", "--img", image, "--bundle-img", bundle)
        self.kopfkit("image", "build", "catalog", "--tag", catalog)
        self.kopfkit("image", "push", catalog)
        where = ("--kubeconfig", self.kubeconfig)
        return self.kopfkit("subscribe", *where, *self.mode, "--catalog-image", catalog)

    def remove(self) -> None:
        """Remove operator, CRDs and objects."""
        said = self.kopfkit("unsubscribe", "--kubeconfig", self.kubeconfig, "--crds", "--yes")
        assert "were deleted" in said, said
