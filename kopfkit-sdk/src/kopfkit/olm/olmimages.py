"""The images that OLM itself needs: the public ones, or built from its own Go module and pushed
to the cluster's registry."""

from kopfkit.docker import context, debian, engines
from kopfkit.docker.engine import Engine
from kopfkit.host.progress import Progress
from kopfkit.image import baseimage
from kopfkit.toolchain import toolchain

# Binaries of the OLM image, from the module's Dockerfile.
_TOOLS = ("olm", "catalog", "package-server", "copy-content", "cpb")


def ensure(version: str, registry: str | None, progress: Progress) -> dict[str, str]:
    """The images "olm" and "opm" under names that a cluster can pull.

    Args:
        version: of OLM.
        registry: host:port that the cluster pulls from and we can push to; None: the public ones.
    """
    public = {
        "olm": f"quay.io/operator-framework/olm:{version}",
        "opm": f"quay.io/operator-framework/opm:{toolchain.version('opm')}",
    }
    if registry is None:
        return public
    engine = engines.ensure(progress)
    local = {name: f"{registry}/kopfkit/{name}:{version}" for name in public}
    if not engine.own and all(engine.pull(image) for image in public.values()):
        return public
    if not engine.has(local["olm"]):
        _build(engine, local["olm"], progress)
    engine.docker("tag", baseimage.ensure_opm(engine, progress), local["opm"])
    with progress.step("Pushing OLM's images to the cluster's registry"):
        for image in local.values():
            engine.docker("push", "--quiet", image)
    return local


def _build(engine: Engine, tag: str, progress: Progress) -> None:
    tools = toolchain.ensure_pinned(_TOOLS, progress)
    with progress.step(f"Making {tag}"), debian.unpacked("busybox-static") as files:
        context.build(
            engine,
            tag,
            # The Job that unpacks bundles runs /bin/cp from this image.
            'FROM scratch\nCOPY root/ /\nEXPOSE 8080 5443\nUSER 1001\nENTRYPOINT ["/bin/olm"]\n',
            {
                **{f"root/bin/{name}": path for name, path in tools.items()},
                "root/bin/cp": files / "bin/busybox",
                "root/tmp/": "",
            },
        )
