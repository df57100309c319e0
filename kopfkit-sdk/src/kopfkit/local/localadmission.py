"""Registers the admission webhooks of a process on this machine, while it runs.

Their configurations have names of their own: those of an installation in the cluster stay as they
are. They are deleted before the process ends; a run that is killed cannot do that, so whatever the
failure policy is, an API server that gets no answer goes on without.
"""

import base64
from collections.abc import Sequence
from dataclasses import replace

from kopfkit.admission import registration
from kopfkit.admission.hooks import Hook
from kopfkit.local import localcrds
from kopfkit.toolchain.kubectl import Kubectl

SUFFIX = "-local"


class LocalAdmission:
    """The webhook configurations that name one URL.

    Args:
        kubectl: of the cluster.
        deployment: the name of the webhook's Deployment.
        hooks: the webhooks.
        url: HTTPS URL of the process, without a path.
        ca: PEM of the CA that signed its certificate.
    """

    def __init__(
        self, kubectl: Kubectl, deployment: str, hooks: Sequence[Hook], url: str, ca: bytes
    ) -> None:
        self._kubectl = kubectl
        bundle = base64.b64encode(ca).decode()
        self._wanted = registration.configurations(
            deployment,
            [replace(each, failure_policy="Ignore") for each in hooks],
            lambda hook: {"url": url + hook.path, "caBundle": bundle},
            suffix=SUFFIX,
        )

    def put(self) -> None:
        """Register them. KopfkitError if the cluster refuses."""
        for each in self._wanted:
            self._kubectl.apply(each, manager=localcrds.MANAGER)

    def put_off(self) -> None:
        """Delete them. KopfkitError if the cluster refuses."""
        for each in self._wanted:
            name = f"{each['kind'].lower()}/{each['metadata']['name']}"
            self._kubectl.run("delete", name, "--ignore-not-found")
