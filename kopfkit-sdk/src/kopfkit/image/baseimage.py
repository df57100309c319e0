"""Base images for what is built here: the public ones, or their stand-ins made on this machine."""

import shutil
from pathlib import Path

from kopfkit.docker import context, debian
from kopfkit.docker.engine import Engine
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain

# What the Dockerfiles' ARG lines name.
PUBLIC_PYTHON = "docker.io/library/python:3.11-slim-bookworm"
# Its stand-in: Debian bookworm's Python, without shell, package manager or any other program.
LOCAL_PYTHON = "kopfkit/python:3.11-bookworm"
PYTHON_PACKAGES = (
    "python3.11", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib",
    "libexpat1", "zlib1g", "libbz2-1.0", "libc6", "libcrypt1", "libffi8", "liblzma5",
    "libncursesw6", "libreadline8", "libsqlite3-0", "libtinfo6", "libuuid1", "libssl3",
    "libgcc-s1", "libstdc++6", "base-files", "netbase", "media-types", "tzdata", "ca-certificates",
)  # fmt: skip
# Nothing of this is needed to run a Python program.
_TRIM = (
    "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/common-*",
    "usr/lib/*-linux-gnu/gconv", "usr/lib/python3.11/ensurepip", "usr/lib/python3.11/idlelib",
    "usr/lib/python3.11/lib2to3", "usr/lib/python3.11/tkinter", "usr/lib/python3.11/turtledemo",
    "usr/lib/python3.11/pydoc_data", "usr/lib/python3.11/distutils", "usr/lib/python3.11/test",
    "sbin/*", "usr/sbin/*", "usr/share/apps", "usr/share/applications", "usr/share/pixmaps",
)  # fmt: skip
_PROGRAMS = {"python3.11"}


def ensure(engine: Engine, progress: Progress) -> str:
    """A Python base image for the operator: the public one, or Debian's Python on nothing else.

    Raises KopfkitError where it can be neither pulled nor made.
    """
    found = _first(engine, PUBLIC_PYTHON, LOCAL_PYTHON, progress)
    return found or _make_python(engine, progress)


def ensure_opm(engine: Engine, progress: Progress) -> str:
    """A base image for catalogs: with /bin/opm, /bin/grpc_health_probe and a writable /tmp."""
    version = toolchain.version("opm")
    local = f"kopfkit/opm:{version}"
    if found := _first(engine, f"quay.io/operator-framework/opm:{version}", local, progress):
        return found
    tools = toolchain.ensure_pinned(["opm", "grpc_health_probe"], progress)
    with progress.step(f"Making {local}"):
        context.build(
            engine,
            local,
            'FROM scratch\nCOPY root/ /\nUSER 1001:0\nENTRYPOINT ["/bin/opm"]\n',
            {**{f"root/bin/{name}": path for name, path in tools.items()}, "root/tmp/": ""},
        )
    return local


def _first(engine: Engine, public: str, local: str, progress: Progress) -> str:
    """The image that can be had without making one; "" if neither can."""
    for image in (public, local):
        if engine.has(image):
            return image
    with progress.step(f"Looking for {public}") as step:
        if engine.pull(public):
            return public
        step.note("not available from a registry: building a stand-in")
    return ""


def _make_python(engine: Engine, progress: Progress) -> str:
    with progress.step(f"Making {LOCAL_PYTHON}"), debian.unpacked(*PYTHON_PACKAGES) as root:
        trim(root)
        context.build(
            engine,
            LOCAL_PYTHON,
            'FROM scratch\nCOPY root/ /\nENV PATH=/usr/bin LANG=C.UTF-8\nCMD ["python3"]\n',
            {"root": root},
        )
    return LOCAL_PYTHON


def trim(root: Path) -> None:
    """Turn Debian's unpacked packages into a root file system that has Python and nothing else."""
    for pattern in _TRIM:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for directory in ("bin", "usr/bin"):
        for program in (root / directory).glob("*"):
            if program.name not in _PROGRAMS:
                program.unlink()
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/python3").symlink_to("python3.11")
    # What the package's installation script would make: one file of all authorities.
    authorities = sorted(root.glob("usr/share/ca-certificates/mozilla/*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(path.read_text() for path in authorities))
    for name in ("tmp", "var/tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name).chmod(0o1777)
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/:/usr/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/usr/sbin/nologin\n"
    )
    (root / "etc/group").write_text("root:x:0:\nnonroot:x:65532:\n")
