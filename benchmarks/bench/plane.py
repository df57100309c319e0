"""The control plane of the benchmark: API server, etcd and controller manager as they come, with an
audit log, one service account per operator, and the CRDs without a conversion webhook.

Only one version is served, so that no operator pays for a conversion.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from kopfkit import yamls
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.crd import custom_resource_definition
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.testing.client import Api, ApiError

# The namespace of the operators' service accounts and Leases.
ACCOUNTS: Final = "benchmark"
_POLICY: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "Metadata", "userGroups": [f"system:serviceaccounts:{ACCOUNTS}"]},
        {"level": "None"},
    ],
}


@dataclass
class Plane:
    """A running control plane and an administrator's client."""

    control: ControlPlane
    api: Api
    directory: Path

    @property
    def audit_log(self) -> Path:
        """The audit log, one JSON document a line."""
        return self.directory / "audit.log"

    def pids(self) -> dict[str, int]:
        """The processes by name."""
        found = {name: process.pid() for name, process in self.control.daemons().items()}
        return {name: pid for name, pid in found.items() if pid is not None}

    def kubeconfig(self, account: str) -> Path:
        """A kubeconfig of the operator `account`."""
        home = f"/api/v1/namespaces/{ACCOUNTS}/serviceaccounts"
        if not self.api.exists(f"{home}/{account}"):
            self.api.post(home, {"metadata": {"name": account}})
        asked = {"spec": {"expirationSeconds": 86400}}
        token = self.api.post(f"{home}/{account}/token", asked)["status"]["token"]
        config = yamls.read(self.control.kubeconfig)
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        path = self.directory / f"{account}.kubeconfig"
        path.write_text(yamls.dump(config))
        return path


@contextlib.contextmanager
def plane(directory: Path, progress: Progress) -> Iterator[Plane]:
    """A control plane in `directory`, which ends with the block, whatever happens.

    Raises:
        KopfkitError: a tool cannot be built, or a process does not start.
    """
    policy = directory / "audit.yaml"
    policy.write_text(yamls.dump(_POLICY))
    arguments = (
        f"--audit-policy-file={policy}",
        f"--audit-log-path={directory / 'audit.log'}",
        # The range of the tests has 254 addresses; every HelloWorld has a Service.
        "--service-cluster-ip-range=10.0.0.0/14",
    )
    control = ControlPlane(
        directory / "plane", tied=True, api_server_args=arguments, progress=progress
    )
    try:
        control.start()
        with Api(control.kubeconfig) as api:
            made = Plane(control, api, directory)
            _prepare(api)
            yield made
    finally:
        control.stop()


def install_crds(api: Api) -> None:
    """The CRDs with the stored version only, served when this returns."""
    for resource in (HELLOWORLD, SNAPSHOT):
        crd: Any = custom_resource_definition(resource, conversion=None)
        crd["spec"]["versions"] = [one for one in crd["spec"]["versions"] if one["storage"]]
        api.apply(crd)
        path = f"/apis/{resource.group}/{crd['spec']['versions'][0]['name']}/{resource.plural}"
        _until(lambda path=path: api.exists(path), "the CRDs are not served")  # type: ignore[misc]


def _prepare(api: Api) -> None:
    install_crds(api)
    _make(api, "/api/v1/namespaces", {"metadata": {"name": ACCOUNTS}})
    # Every operator may do everything: the cost of a right is no part of the comparison.
    group = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Group",
        "name": f"system:serviceaccounts:{ACCOUNTS}",
    }
    role = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "cluster-admin",
    }
    binding = {"metadata": {"name": ACCOUNTS}, "roleRef": role, "subjects": [group]}
    _make(api, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)


def _make(api: Api, path: str, body: Any) -> None:
    try:
        api.post(path, body)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise


def _until(check: Callable[[], bool], trouble: str) -> None:
    deadline = time.monotonic() + 60
    while not check():
        if time.monotonic() > deadline:
            raise KopfkitError("benchmark", f"{trouble} after 60 s")
        time.sleep(0.05)
