"""The images that a scorecard run needs: the public ones where the cluster can pull them, else
made here and pushed to the cluster's registry.

The image of kopfkit's own checks is always made: Python, PyYAML and the package of the checks.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from kopfkit.docker import context, debian, engines
from kopfkit.docker.engine import Engine
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.image import baseimage, digests
from kopfkit.toolchain import toolchain

# The package whose checks become tests, what it needs as a whole, and what it needs of its parents.
_CHECKS = "kopfkit.packaging.checks"
_WHOLE = (_CHECKS, "kopfkit.manifests", "kopfkit.yamls", "yaml")
_MODULES = ("kopfkit.errors", "kopfkit.packaging")


@dataclass(frozen=True)
class Images:
    """Names under which the cluster pulls.

    Attributes:
        tests: operator-sdk's six tests.
        tools: has tar and sh, for unpacking the bundle and for storage; "" is operator-sdk's own.
        checks: kopfkit's checks; "" where there is no registry to push it to.
    """

    tests: str
    tools: str
    checks: str


def ensure(public: str, registry: str | None, progress: Progress) -> Images:
    """The images for a cluster.

    Args:
        public: operator-sdk's image of the six tests.
        registry: host:port that the cluster pulls from and this machine can push to, or None.

    Raises:
        KopfkitError: no engine, or an image can neither be pulled nor made.
    """
    if registry is None:
        return Images(public, "", "")
    engine = engines.ensure(progress)
    checks = publish_checks(f"{registry}/kopfkit/scorecard-checks:latest", progress)
    if not engine.own and engine.pull(public):
        return Images(public, "", checks)
    version = toolchain.version("scorecard-test")
    tests, tools = (f"{registry}/kopfkit/scorecard-{name}:{version}" for name in ("test", "tools"))
    if not engine.has(tests):
        _make_tests(engine, tests, progress)
    if not engine.has(tools):
        _make_tools(engine, tools, progress)
    return Images(_pushed(engine, tests, progress), _pushed(engine, tools, progress), checks)


def publish_checks(tag: str, progress: Progress) -> str:
    """Build the image of kopfkit's checks as `tag` and push it; returns it by digest.

    Raises KopfkitError if it cannot be built or pushed.
    """
    engine = engines.ensure(progress)
    base = baseimage.ensure(engine, progress)
    with progress.step(f"Making {tag}"):
        context.build(
            engine,
            tag,
            f"FROM {base}\nCOPY app/ /app/\nENV PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1\n"
            f'USER 65532:65532\nENTRYPOINT ["python3", "-m", "{_CHECKS}"]\n',
            {f"app/{name}": text for name, text in check_sources().items()},
        )
    return _pushed(engine, tag, progress)


def check_sources() -> dict[str, str]:
    """Path below PYTHONPATH -> text of every module that the checks need."""
    found = {}
    for name in _MODULES:
        file, within = _file(name), name.replace(".", "/")
        place = f"{within}/__init__.py" if file.name == "__init__.py" else f"{within}.py"
        found[place] = file.read_text("utf-8")
    for name in _WHOLE:
        for file in sorted(_file(name).parent.glob("*.py")):
            found[f"{name.replace('.', '/')}/{file.name}"] = file.read_text("utf-8")
    return found


def _file(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise KopfkitError(f"module {module}", "is not installed as a file", "Install it by pip.")
    return Path(spec.origin)


def _make_tests(engine: Engine, tag: str, progress: Progress) -> None:
    tests = toolchain.pinned("scorecard-test", progress)
    with progress.step(f"Making {tag}"):
        context.build(
            engine,
            tag,
            "FROM scratch\nCOPY root/ /\nENV PATH=/usr/local/bin HOME=/tmp\nUSER 1001:0\n"
            'ENTRYPOINT ["/usr/local/bin/scorecard-test"]\n',
            {"root/usr/local/bin/scorecard-test": tests, "root/tmp/": ""},
        )


def _make_tools(engine: Engine, tag: str, progress: Progress) -> None:
    with progress.step(f"Making {tag}"), debian.unpacked("busybox-static") as files:
        names = ("tar", "gzip", "gunzip", "sh", "sleep", "cat")
        context.build(
            engine,
            tag,
            "FROM scratch\nCOPY root/ /\nENV PATH=/bin\nUSER 1001:0\n",
            {
                **{f"root/bin/{name}": files / "bin/busybox" for name in names},
                "root/tmp/": "",
            },
        )


def _pushed(engine: Engine, tag: str, progress: Progress) -> str:
    with progress.step(f"Pushing {tag}"):
        engine.docker("push", "--quiet", tag)
    return digests.pin(tag)
