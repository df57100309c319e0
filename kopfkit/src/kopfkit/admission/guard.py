"""The conversion guard as a program of its own, for operators that were not built on kopfkit.

    python3 -m kopfkit.admission.guard --deployment my-operator-webhook

OLM v0 takes the conversion of a CRD away for seconds at each upgrade, and then the certificate of
the webhook that converts. The program serves the admission webhook that carries the conversion
over (`kopfkit.conversion.guard`), and makes the Deployments that convert owners of their
certificates' Secrets (`kopfkit.runtime.olm.ownership`), as for its own certificate. `kopfkit guard
inject` puts it into a bundle, with the rights.

Two things that the guard does for an operator of kopfkit are left out here. A second authority in
the CRD would have OLM install the operator again and again: it compares the hash of the caBundle
with what it wrote into the Deployment that converts, unless an admission webhook of the same
Deployment is the last of its definitions (olm, pkg/controller/operators/olm/apiservices.go,
updateDeploymentSpecsWithAPIServiceData). And versions go on being served after an uninstall, as
OLM's other users are used to.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from kopfkit.conversion import ServingCertificate, guard, serve
from kopfkit.environment import OPERATOR_CONDITION_NAME, POD_NAMESPACE, WEBHOOK_DEPLOYMENT
from kopfkit.errors import KopfkitError
from kopfkit.repeats import often
from kopfkit.uids import uid_hint

log = logging.getLogger(__name__)
MODULE: Final = "kopfkit.admission.guard"
PATH: Final = "/guard"
PORT: Final = 9443
HEALTH_PORT: Final = 8081
# Where OLM mounts the certificate.
CERT_DIR: Final = Path("/tmp/k8s-webhook-server/serving-certs")
# Seconds between SIGTERM and the end of serving, in which the Service stops naming this pod. Not a
# preStop hook: its sleep needs Kubernetes 1.30.
GRACE: Final = 5.0


async def run(
    deployments: Sequence[str],
    *,
    cert_dir: Path,
    port: int,
    health_port: int,
    stop: asyncio.Event,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Serve and keep the Secrets until `stop` is set.

    Args:
        deployments: those that convert, in the namespace of the environment.
        cert_dir: holds tls.crt and tls.key, now or soon.
        port: TLS port of POST /guard.
        health_port: plain HTTP port of /healthz and /readyz.
        environment: says which pod this is, and whether OLM v0 runs it.

    Raises:
        KopfkitError: a port cannot be used.
    """

    async def beside(certificate: ServingCertificate) -> None:
        own, namespace = (environment.get(key, "") for key in (WEBHOOK_DEPLOYMENT, POD_NAMESPACE))
        if environment.get(OPERATOR_CONDITION_NAME) and own and namespace:
            await _keep(certificate, namespace, own, deployments)
        else:
            # OLM v1 and other installations leave Secrets alone at an upgrade.
            log.info("OLM v0 does not run this: no Secret needs another owner")

    await serve(
        None,
        reviewers={PATH: review},
        cert_dir=cert_dir,
        port=port,
        health_port=health_port,
        stop=stop,
        beside=beside,
    )


async def review(body: bytes, problem: str) -> bytes:
    """The answer to an AdmissionReview of a CRD, which always allows."""
    if problem:
        verdict = guard.allowed(uid_hint(body), problem)
    else:
        verdict = guard.answer(body, guard.conversion_kept)
    if verdict.problem:
        log.error("Guard: %s", verdict.problem, extra=often("guard"))
    if verdict.kept:
        log.info("Guard: %s %s", verdict.kept, verdict.change)
    return verdict.body


async def _keep(
    certificate: ServingCertificate, namespace: str, own: str, deployments: Sequence[str]
) -> None:
    from kopfkit.runtime.api import credentials
    from kopfkit.runtime.api.client import Client
    from kopfkit.runtime.olm import keeping, ownership, renewal

    def secret(deployment: str) -> str:
        return f"{deployment}-service-cert"

    def owner(deployment: str) -> keeping.Task:
        owned = ownership.Owned(namespace, secret(deployment), deployment)
        return lambda client: ownership.run(client, owned)

    # OLM writes a new certificate of the guard's and who trusts it within a second.
    renewed = renewal.Renewed(namespace, secret(own), ())
    await keeping.keep(
        Client(credentials.load, manager=own),
        "the certificates",
        *(owner(each) for each in (own, *deployments)),
        lambda client: renewal.run(client, renewed, certificate.take),
    )


async def _until_signal(options: argparse.Namespace) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        grace = GRACE if name is signal.SIGTERM else 0.0
        loop.add_signal_handler(name, loop.call_later, grace, stop.set)
    await run(
        options.deployment,
        cert_dir=options.cert_dir,
        port=options.port,
        health_port=options.health_port,
        stop=stop,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the exit code."""
    parser = argparse.ArgumentParser(
        prog="kopfkit-guard", description="Keep the conversion of CRDs through upgrades by OLM."
    )
    parser.add_argument(
        "--deployment",
        action="append",
        default=[],
        metavar="NAME",
        help="Deployment whose webhook converts; may be repeated.",
    )
    parser.add_argument("--cert-dir", type=Path, default=CERT_DIR, help="Of tls.crt and tls.key.")
    parser.add_argument("--port", type=int, default=PORT, help="TLS port of the webhook.")
    parser.add_argument("--health-port", type=int, default=HEALTH_PORT, help="Port of the probes.")
    parser.add_argument("--log-format", choices=("text", "json"), default="text")
    options = parser.parse_args(argv)

    from kopfkit.runtime.telemetry import logs

    logs.setup(options.log_format, "info")
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_until_signal(options))
        except KopfkitError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
