"""What `kopfkit.oci` needs from outside: base images, the results of RUN lines, registries.

A base is pulled where a registry has it, else made from Debian's packages, as `baseimage` does with
an engine. Registries are crane's business, so a login made with `docker login` holds here too.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kopfkit.docker import debian, reach
from kopfkit.errors import KopfkitError
from kopfkit.host import paths, process
from kopfkit.host.progress import Progress
from kopfkit.image import baseimage
from kopfkit.oci.assembly import Base, Platform, assemble
from kopfkit.oci.dockerfile import Recipe
from kopfkit.oci.layers import Placed
from kopfkit.oci.layout import Layout
from kopfkit.toolchain import toolchain

# Seconds that a registry gets for one request without an image's content.
_TIMEOUT = 60.0
# Whom opm's image runs as; the public one too.
OPM_USER = "1001:0"
# opm's older format of a cache: the newer one is a hash table with a random seed, so its bytes
# differ every time. opm reads and checks both (operator-registry, pkg/cache).
_CACHE_MARKS = ("cache", "digest")


@contextlib.contextmanager
def python_base(
    reference: str, on: Platform, progress: Progress
) -> Iterator[tuple[Base, list[str]]]:
    """The operator's base for a platform, and the Debian packages it is made of ("name_version").

    Args:
        reference: an image to pull; "" for the public Python image or, where no registry has it,
            one made of Debian's packages.

    Raises:
        KopfkitError: the named image cannot be pulled, or the packages not be downloaded.
    """
    wanted = reference or baseimage.PUBLIC_PYTHON
    with tempfile.TemporaryDirectory(prefix="base-", dir=paths.cache_dir()) as place:
        if reference:
            yield pulled(reference, on, Path(place), progress), []
            return
        if (public := _public(wanted, on, Path(place), progress)) is not None:
            yield public, []
            return
        if not debian.is_debian():
            raise KopfkitError(
                f"base image {wanted}",
                "no registry gives it, and it can be made on Debian only",
                "Specify another one: BASE_IMAGE=...",
            )
        with (
            progress.step(f"Making a base of Debian's packages for {on}"),
            debian.unpacked(*baseimage.PYTHON_PACKAGES, architecture=on.architecture) as root,
        ):
            names = sorted(one.stem.rsplit("_", 1)[0] for one in root.parent.glob("*.deb"))
            baseimage.trim(root)
            settings = {"Env": ["PATH=/usr/bin", "LANG=C.UTF-8"], "Cmd": ["python3"]}
            yield Base(baseimage.LOCAL_PYTHON, root=root, settings=settings), names


@contextlib.contextmanager
def opm_base(on: Platform, progress: Progress) -> Iterator[Base]:
    """The catalog's base for a platform: the public one, or the pinned programs on nothing else.

    Raises KopfkitError for a platform that is not this machine's where no registry has the image.
    """
    wanted = f"quay.io/operator-framework/opm:{toolchain.version('opm')}"
    with tempfile.TemporaryDirectory(prefix="base-", dir=paths.cache_dir()) as place:
        if (public := _public(wanted, on, Path(place), progress)) is not None:
            yield public
            return
        if on.architecture != native():
            raise KopfkitError(
                f"catalog image for {on}",
                "needs opm's public image, which no registry gives",
                f"Build for linux/{native()} alone.",
            )
        root = Path(place) / "root"
        (root / "bin").mkdir(parents=True)
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        for name, path in toolchain.ensure_pinned(["opm", "grpc_health_probe"], progress).items():
            shutil.copyfile(path, root / "bin" / name)
            (root / "bin" / name).chmod(0o755)
        yield Base(
            f"kopfkit/opm:{toolchain.version('opm')}", root=root, settings={"User": OPM_USER}
        )


def _public(reference: str, on: Platform, directory: Path, progress: Progress) -> Base | None:
    """A public image; None where no registry gives it, which is remembered for an hour."""
    if reach.refused(reference):
        return None
    if reach.answers(reference):
        with contextlib.suppress(KopfkitError):
            return pulled(reference, on, directory, progress)
    reach.remember(reference, given=False)
    return None


def native() -> str:
    """This machine's architecture, in Docker's words."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def pulled(reference: str, on: Platform, directory: Path, progress: Progress) -> Base:
    """An image from a registry, as a layout below `directory`.

    Raises KopfkitError if it is not there, for this platform, or the registry does not answer.
    """
    layout = Layout(directory / "base")
    with progress.step(f"Pulling {reference} for {on}"):
        try:
            digest = crane("digest", f"--platform={on}", reference).strip()
            crane("pull", f"--platform={on}", "--format=oci", reference, str(layout.directory))
        except process.CommandFailed as error:
            raise KopfkitError(
                f"image {reference}",
                f"cannot be pulled for {on} ({process.tail(error.output, 1)})",
                "Specify an image that is available for this platform.",
            ) from error
    name = reference.partition("@")[0]
    return Base(f"{name}@{digest}", layout)


@contextlib.contextmanager
def catalog_cache(
    recipe: Recipe, context: Path, user: str
) -> Iterator[Mapping[tuple[str, ...], Placed]]:
    """What the RUN line of a catalog's Dockerfile leaves: opm's cache, made by opm on this machine.

    opm checks names, contents and modes of catalog and cache when it serves them, so both are here
    as they will be in the image.

    Args:
        recipe: of the Dockerfile.
        context: what its COPY lines refer to.
        user: "UID:GID" whose the cache is.

    Raises KopfkitError if opm refuses the catalog.
    """
    with tempfile.TemporaryDirectory(prefix="cache-", dir=paths.cache_dir()) as place:
        configs, cache = Path(place) / "configs", Path(place) / "cache"
        (cache / _CACHE_MARKS[0]).mkdir(parents=True)
        (cache / _CACHE_MARKS[1]).touch()
        for path in (cache, cache / _CACHE_MARKS[0]):
            path.chmod(0o750)
        for source, destination in recipe.copies:
            shutil.copytree(
                context / source, configs / destination.removeprefix("/configs").strip("/")
            )
        for path in (configs, *configs.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        # With the umask that a build in an engine has.
        process.run(
            ["sh", "-c", 'umask 022 && exec "$@"', "sh", toolchain.pinned("opm"), "serve", configs,
             f"--cache-dir={cache}", "--cache-only", "--pprof-addr=",
             f"--termination-log={cache.parent / 'log'}"]
        )  # fmt: skip
        owner, _, group = user.partition(":")
        placed = Placed(cache, "/tmp/cache", (int(owner), int(group or 0)), exact=True)
        yield dict.fromkeys(recipe.runs, placed)


def build(
    target: Path,
    recipe: Recipe,
    contexts: Mapping[Platform, Path],
    bases: Mapping[Platform, Base],
    *,
    epoch: int,
    results: Mapping[tuple[str, ...], Placed] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> str:
    """Write an image for one or several platforms as a layout; returns its digest.

    Args:
        target: a directory that is not there yet.
        recipe: of the Dockerfile.
        contexts: for each platform, what its COPY lines refer to.
        bases: for each platform what FROM names; empty for scratch.
        epoch, results, annotations: as `assemble` and `Layout.finish` take them.
    """
    layout = Layout(target)
    layout.begin()
    manifests = [
        assemble(
            recipe, layout, context=context, on=on, epoch=epoch, base=bases.get(on), results=results
        )
        for on, context in contexts.items()
    ]
    return layout.finish(manifests, annotations or {})


def push(layout: Path, image: str, *, progress: Progress) -> str:
    """Push a layout to the registry under a name with a tag; returns the digest that it has there.

    Raises KopfkitError if the registry refuses it, or answers another digest.
    """
    expected = Layout(layout).digest()
    with progress.step(f"Pushing {image}"):
        try:
            crane("push", str(layout), image)
            found = crane("digest", image).strip()
        except process.CommandFailed as error:
            raise KopfkitError(
                f"image {image}",
                f"cannot be pushed ({process.tail(error.output, 1)})",
                "Does the registry run, are you logged in to it (docker login)?",
            ) from error
    if found != expected:
        raise KopfkitError(f"image {image}", f"is {found} in the registry, not {expected}")
    return found


def there(image: str) -> str | None:
    """The digest that a registry has for a reference; "" if it has none, None if none answers."""
    try:
        return crane("digest", image, timeout=_TIMEOUT).strip()
    except process.CommandFailed as error:
        low = error.output.lower()
        return "" if "manifest_unknown" in low or "name_unknown" in low or "404" in low else None
    except KopfkitError:
        return None


def crane(*arguments: str, timeout: float | None = None) -> str:
    """Run crane; returns what it prints. Raises process.CommandFailed."""
    return process.run([toolchain.tool("crane"), *arguments], timeout=timeout)


def platforms(words: Sequence[str]) -> list[Platform]:
    """Platforms by name, each once. Raises KopfkitError for one that is not supported."""
    from kopfkit.oci.assembly import platform

    return list(dict.fromkeys(platform(word) for word in words))
