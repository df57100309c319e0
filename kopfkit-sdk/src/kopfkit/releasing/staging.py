"""A copy of the checkout in which a release is made, so that the checkout has all of it or nothing.

What git knows is copied; generators and validators run in the copy as commands of their own, as a
person would run them in the checkout.
"""

import os
import shutil
import sys
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.packaging import writer
from kopfkit.packaging.writer import Output
from kopfkit.releasing.rules import git


def copy(root: Path, target: Path) -> None:
    """Copy what git knows of the checkout `root` into the new directory `target`."""
    for name in git(root, "ls-files", "-z").split("\0"):
        if name:
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, place, follow_symlinks=False)


def generate(staged: Path, version: str, progress: Progress) -> None:
    """Generate bundle, catalog, kustomize tree and, if there is one, chart of a release. Raises
    KopfkitError."""
    with progress.step("Generating bundle, catalog and config"):
        for words in (
            ["bundle", "generate", "--version", version],
            ["catalog", "generate"],
            ["manifests", "--version", version],
        ):
            kopfkit(staged, *words)
        if (staged / "chart").is_dir():
            kopfkit(staged, "chart", "generate", "--version", version)


def validate(staged: Path, progress: Progress) -> None:
    """Run every validator there is over bundle and catalog. KopfkitError with all they say."""
    for words in (["bundle", "validate"], ["catalog", "validate"]):
        with progress.step(f"Checking the {words[0]}"):
            kopfkit(staged, *words)


def kopfkit(where: Path, *words: str) -> str:
    """Run a kopfkit command in a directory; its message becomes the error's if it fails."""
    program = "import sys; from kopfkit.cli import main; main(sys.argv[1:])"
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return process.run([sys.executable, "-c", program, *words], cwd=where, env=env)
    except process.CommandFailed as error:
        told = error.output.strip().removeprefix("error: ")
        reason, _, hint = told.partition("\n  hint: ")
        raise KopfkitError(f"kopfkit {' '.join(words)}", reason, hint) from None


def changes(root: Path, staged: Path) -> tuple[list[Output], list[Path]]:
    """What is new or different in the copy, and the checkout's files that are gone from it.

    Only text: a release changes no other file.
    """
    outputs = []
    skipped = {"build", "dist"}
    for path in sorted(staged.rglob("*")):
        name = path.relative_to(staged)
        if name.parts[0] in skipped or "__pycache__" in name.parts or not path.is_file():
            continue
        data = path.read_bytes()
        place = root / name
        if not place.is_file() or place.read_bytes() != data:
            outputs.append(Output(place, {"": data.decode()}))
    known = [name for name in git(root, "ls-files", "-z").split("\0") if name]
    return outputs, [root / name for name in known if not (staged / name).exists()]


def adopt(outputs: list[Output], gone: list[Path]) -> list[Path]:
    """Bring the changes into the checkout, all or none; returns what changed. Raises KopfkitError
    as `writer.write` does."""
    done = writer.write(outputs, overwrite=True)
    for path in gone:
        path.unlink(missing_ok=True)
    return [*done, *gone]
