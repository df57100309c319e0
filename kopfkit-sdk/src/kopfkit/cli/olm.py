"""`kopfkit olm`: the Operator Lifecycle Manager in a cluster."""

from pathlib import Path

import click

from kopfkit.cli._output import TEXT, output_option, show
from kopfkit.cli._target import target_options
from kopfkit.errors import KopfkitError
from kopfkit.host import state
from kopfkit.host.progress import Progress
from kopfkit.kind import registry as kind_registry
from kopfkit.olm import olm as lifecycle
from kopfkit.olm import olmparts, v1install


@click.group()
def olm() -> None:
    """Install, check or remove the Operator Lifecycle Manager."""


@olm.command()
@target_options
@click.option("--registry", help="host:port that the cluster pulls from and this machine pushes to "
              "[default: the kopfkit cluster's own; none: the public images].")  # fmt: skip
@click.option(
    "--timeout", default=lifecycle.READY_TIMEOUT, show_default=True, help="Timeout in seconds."
)
@click.option("--force", is_flag=True, help="Apply the manifests even if OLM is installed.")
@click.option(
    "--v1", is_flag=True, help="Install OLM v1 (ClusterExtension), beside OLM v0 or alone."
)
def install(
    name: str, kubeconfig: Path | None, registry: str | None, timeout: float, force: bool, v1: bool
) -> None:
    """Install OLM and wait until it is ready; no-op if it is."""
    found = _cluster(name, kubeconfig)
    if found is not None and found.kind == "control-plane":
        raise KopfkitError(
            f"cluster {name}",
            "is a control plane without nodes, and OLM needs pods",
            "Use CLUSTER=kind, or CLUSTER=existing.",
        )
    target = _kubeconfig(found, kubeconfig)
    pushed = registry or (found.registry if found else None)
    if v1:
        deployments = v1install.status(target)
        if force or not deployments or not all(deployments.values()):
            _install_v1(found, target, pushed, timeout)
        _say_v1(target)
        return
    lifecycle.install(target, Progress(), registry=pushed, force=force, timeout=timeout)
    if found is not None:
        found.olm = True
        found.save()
    _say(target, lifecycle.status(target)["detail"])


def _install_v1(
    found: state.ClusterState | None, target: Path, registry: str | None, timeout: float
) -> None:
    if registry is None:
        raise KopfkitError(
            "OLM v1",
            "is built here, and needs a registry that the cluster pulls from",
            "Name one: --registry HOST:PORT.",
        )
    # The nodes of a kind cluster know the registry as localhost; its pods cannot.
    inside = registry
    if found is not None and found.kind == "kind" and registry == found.registry:
        inside = f"{kind_registry.container(found.name)}:{kind_registry.INSIDE}"
    v1install.install(target, Progress(), registry=registry, inside=inside, timeout=timeout)


def _say_v1(target: Path, output: str = "text") -> bool:
    """Print whether OLM v1 is ready; whether it is."""
    deployments = v1install.status(target)
    ready = bool(deployments) and all(deployments.values())
    if output != TEXT:
        show({"ready": ready, "deployments": deployments}, output)
        return ready
    click.echo(f"OLM v1: {'ready' if ready else 'not ready' if deployments else 'not installed'}")
    for name, available in deployments.items():
        click.echo(f"  {name}: {'available' if available else 'not available'}")
    return ready


@olm.command()
@target_options
@output_option()
@click.option("--v1", is_flag=True, help="Of OLM v1.")
def status(name: str, kubeconfig: Path | None, output: str, v1: bool) -> None:
    """Show whether OLM is installed and ready, with its parts; exits with 1 if not."""
    target = _kubeconfig(_cluster(name, kubeconfig), kubeconfig)
    if v1:
        raise SystemExit(0 if _say_v1(target, output) else 1)
    told = lifecycle.status(target)
    parts = olmparts.parts(target, Progress())
    ready = told["ready"] and all(part.there for part in parts)
    if output != TEXT:
        listed = [vars(part) for part in parts]
        version = lifecycle.installed_version(target)
        told |= {"ready": ready, "version": version, "parts": listed}
        show(told, output)
        raise SystemExit(0 if ready else 1)
    _say(target, told["detail"])
    if any(part.there for part in parts):
        rows = [("NAME", "NAMESPACE", "KIND", "STATUS")] + [
            (part.name, part.namespace, part.kind, "there" if part.there else "missing")
            for part in parts
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
            click.echo("  ".join(cells).rstrip())
    raise SystemExit(0 if ready else 1)


@olm.command()
@target_options
@click.option("--v1", is_flag=True, help="Remove OLM v1.")
def uninstall(name: str, kubeconfig: Path | None, v1: bool) -> None:
    """Remove OLM; fails while it manages an operator."""
    found = _cluster(name, kubeconfig)
    if v1:
        v1install.uninstall(_kubeconfig(found, kubeconfig), Progress())
        return
    lifecycle.uninstall(_kubeconfig(found, kubeconfig), Progress())
    if found is not None:
        found.olm = False
        found.save()


def _say(target: Path, detail: str) -> None:
    click.echo(" ".join(filter(None, ("OLM", lifecycle.installed_version(target)))) + f": {detail}")


def _cluster(name: str, kubeconfig: Path | None) -> state.ClusterState | None:
    """The kopfkit cluster that is meant; None if it is one by its kubeconfig."""
    if kubeconfig is not None:
        return None
    found = state.load(name)
    if found is None:
        raise KopfkitError(f"cluster {name}", "does not run", "Start it: kopfkit cluster up.")
    return found


def _kubeconfig(found: state.ClusterState | None, given: Path | None) -> Path:
    if given is not None:
        return given
    assert found is not None
    return Path(found.kubeconfig)
