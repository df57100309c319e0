"""Which Docker engine is used: the one that answers, else one of our own."""

from kopfkit.docker import ownengine
from kopfkit.docker.engine import Engine, answer
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress


def detect() -> Engine | None:
    """The engine that answers now: DOCKER_HOST's or the default one, else ours. Or None."""
    if version := answer(None):
        return Engine(None, False, version)
    return ownengine.running()


def ensure(progress: Progress) -> Engine:
    """An engine that answers; ours is started where there is none.

    Raises KopfkitError if there is none and this is not root on Debian, or it does not start.
    """
    if found := detect():
        return found
    if reason := ownengine.impossible():
        raise KopfkitError(
            "Docker",
            f"no engine answers, and none can be started here: {reason}",
            "Start Docker, set DOCKER_HOST, or do without: CLUSTER=control-plane.",
        )
    ownengine.install(progress)
    # Where systemd runs, installing the package has started its engine.
    return detect() or ownengine.start(progress)
