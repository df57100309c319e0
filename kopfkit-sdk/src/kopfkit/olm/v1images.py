"""The image of OLM v1's programs, built from their Go module and pushed to a registry.

The public images are not used: their operator-controller lacks the stand-in for OpenShift's
service CA, and a cluster for trying an operator on has no cert-manager.
"""

from kopfkit.docker import context, engines
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain

# The programs; service-ca makes the certificates that operator-controller's manifests ask for.
PROGRAMS = ("catalogd", "operator-controller", "service-ca")


def ensure(registry: str, progress: Progress) -> str:
    """The image's name, for a cluster that pulls from `registry` (host:port).

    Raises KopfkitError: the programs cannot be built, or there is no engine to make an image with.
    """
    engine = engines.ensure(progress)
    programs = toolchain.ensure_pinned(PROGRAMS, progress)
    tag = f"{registry}/kopfkit/olmv1:{toolchain.version('operator-controller')}"
    with progress.step(f"Making {tag}"):
        context.build(
            engine,
            tag,
            "FROM scratch\nCOPY root/ /\nUSER 65532:65532\n",
            {**{f"root/{name}": path for name, path in programs.items()}, "root/tmp/": ""},
        )
    with progress.step(f"Pushing {tag}"):
        engine.docker("push", "--quiet", tag)
    return tag
