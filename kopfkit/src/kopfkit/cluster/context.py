"""A build context for `docker build`: files laid out in a temporary directory, then gone."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kopfkit.cluster import paths
from kopfkit.cluster.docker import Engine


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
