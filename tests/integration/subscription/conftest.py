"""A real API server with OLM's CRDs, and nothing that acts on them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kopfkit.olm import olm
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

from .subscribing import GROUP


@pytest.fixture(scope="module")
def kubectl(control_plane: Any) -> Kubectl:
    return Kubectl.at(Path(control_plane.kubeconfig))


@pytest.fixture(scope="module")
def olm_crds(kubectl: Kubectl, crds_gone: Callable[[str], None]) -> Iterator[None]:
    """OLM's CRDs, without what acts on them; the tests before need a cluster without."""
    files = str(toolchain.module_dir(olm.MODULE) / "deploy" / "chart" / "crds")
    crds_gone(GROUP)  # another module had them, too
    kubectl.run("apply", "--server-side", "--filename", files)
    kubectl.established("--filename", files)
    yield
    # The API server takes its time to end the storage of a dozen CRDs, and nobody needs them gone.
    kubectl.run("delete", "--wait=false", "--filename", files)
