"""A build context for `docker build`: files laid out in a temporary directory, then gone."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kopfkit.docker.engine import Engine
from kopfkit.host import paths

_IGNORE = (".dockerignore", ".containerignore")


def build(
    engine: Engine,
    tag: str,
    dockerfile: str,
    files: Mapping[str, Path | str] | None = None,
) -> None:
    """Build an image.

    Args:
        engine: the engine that builds.
        tag: the image's name.
        dockerfile: the Dockerfile's text.
        files: path in the context -> a file or directory to put there, or the text of a file.
            A text that starts with "#!" becomes executable; a path that ends with "/" becomes an
            empty directory that everybody may write, as /tmp is.

    Raises:
        process.CommandFailed: the build failed; nothing of it is left but the engine's own cache.
    """
    with tempfile.TemporaryDirectory(prefix="build-", dir=paths.cache_dir()) as place:
        root = Path(place)
        for name, content in (files or {}).items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("/"):
                target.mkdir()
                target.chmod(0o1777)
            elif isinstance(content, str):
                target.write_text(content)
                target.chmod(0o755 if content.startswith("#!") else 0o644)
            elif content.is_dir():
                shutil.copytree(content, target, symlinks=True)
            else:
                _link(content, target)
        (root / "Dockerfile").write_text(dockerfile)
        engine.build(tag, root)


def _link(source: Path, target: Path) -> None:
    # Binaries are large and in the same cache: a hard link costs nothing where it is possible.
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy2(source, target)


@contextlib.contextmanager
def readable(directory: Path, sources: Iterable[str]) -> Iterator[Path]:
    """A context in which everybody may read what is copied into the image.

    An engine keeps the modes of a checkout, those of a umask of 077 too, and a pod runs as another
    user than the files' owner. And it is sent all that no .dockerignore leaves out, virtual
    environments too.

    Args:
        directory: the context as it is; it is yielded where nothing is closed and it has a
            .dockerignore, else a copy of the sources, which is gone afterwards.
        sources: paths below it, as COPY lines have them.
    """
    tops = [directory / source for source in sources]
    limited = not tops or any((directory / name).exists() for name in _IGNORE)
    if limited and not any(_closed(path) for top in tops for path in (top, *top.rglob("*"))):
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="build-", dir=paths.cache_dir()) as place:
        # What an engine leaves out of a context, it leaves out of the copy too.
        for top in (*tops, *(directory / name for name in _IGNORE)):
            target = Path(place) / top.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            if top.is_dir():
                shutil.copytree(top, target, symlinks=True, dirs_exist_ok=True)
            elif top.exists():
                shutil.copy2(top, target)
        for path in Path(place).rglob("*"):
            if _closed(path):
                path.chmod(path.stat().st_mode | _open_mode(path))
        yield Path(place)


def _closed(path: Path) -> bool:
    return path.exists() and not path.is_symlink() and bool(~path.stat().st_mode & _open_mode(path))


def _open_mode(path: Path) -> int:
    """Read for group and others; and search, or execute where the owner may."""
    return 0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044
