"""A scaffolded project in a cluster, as docs/how-to/new-operator.md says, with nothing edited: from
kopfkit's wheel in a fresh environment outside of any checkout to Deployments and a Subscription.
"""

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pages
from kopfkit.host.state import ClusterState
from kopfkit.toolchain import toolchain

ROOT = Path(__file__).resolve().parents[2]
PAGE = "how-to/new-operator.md"


class Walk:
    """Somebody who follows the page in a folder.

    Args:
        path: the folder.
        wheels: with the wheel of kopfkit.
        venv: where it is installed.
        cluster: which the kubeconfig leads to, and whose registry is pushed to.
    """

    def __init__(self, path: Path, wheels: Path, venv: Path, cluster: ClusterState) -> None:
        tools = [str(venv / "bin"), str(toolchain.tool("kubectl").parent), os.environ["PATH"]]
        self.path = path
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "MAKEFLAGS"},
            "PATH": os.pathsep.join(tools),
            "VIRTUAL_ENV": str(venv),
            "PIP_FIND_LINKS": str(wheels),
            "KUBECONFIG": cluster.kubeconfig,
            # A path of its own: a node that has seen a tag does not pull it again.
            "REGISTRY": f"{cluster.registry}/walk-{time.time_ns() // 1_000_000:x}",
        }

    def do(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line of the page to its end."""
        return pages.run(["bash", "-c", line], self.path, self.environment)

    def check(self, *lines: str) -> None:
        """Run lines that have to succeed."""
        for line in lines:
            if not line.startswith("export "):
                done = self.do(line)
                assert done.returncode == 0, f"{line}:\n{done.stdout}"


@pytest.fixture
def walk(kind_cluster: ClusterState, tmp_path: Path) -> Iterator[Walk]:
    wheels, venv, path = tmp_path / "wheels", tmp_path / "venv", tmp_path / "cache-operator"
    path.mkdir()
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    for kit in ("kopfkit", "kopfkit-sdk"):
        subprocess.run([*build, "--directory", str(wheels)], cwd=ROOT / kit, check=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin/pip"), "--quiet", "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, *map(str, wheels.iterdir())], check=True)
    # The packages it needs are those of this run, behind the wheel's own: nothing is downloaded
    # twice, and kopfkit's is the wheel.
    (site,) = (venv / "lib").glob("python*/site-packages")
    (site / "those_of_the_run.pth").write_text(sysconfig.get_path("purelib"))
    walk = Walk(path, wheels, venv, kind_cluster)
    yield walk
    walk.do("kopfkit unsubscribe --kubeconfig $KUBECONFIG --crds --yes; make undeploy")


def test_a_new_project_is_deployed_and_subscribed_to_with_nothing_edited(walk: Walk) -> None:
    where = walk.do("python -c 'import kopfkit.cli as it; print(it.__file__)'").stdout.strip()
    assert not Path(where).is_relative_to(ROOT), where
    walk.check(*pages.lines(PAGE, ""), *pages.lines(PAGE, "Install it"))
