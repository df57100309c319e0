"""Builds and pushes the three images of this checkout by the Makefile's targets, each one named by
its digest in the next, without touching a generated file.

The targets run in a copy under build/, one for each registry: a bundle for a local registry is not
the bundle that is committed. By digest, because a cluster that has seen a tag does not pull it
again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress, Step
from kopfkit.image import digests
from kopfkit.packaging import releases

ROOT = Path(__file__).resolve().parent.parent
COPIES = ROOT / "build" / "publish"


@dataclass(frozen=True)
class Images:
    """What was pushed, by digest, and the copy of the checkout it was built in."""

    operator: str
    bundle: str
    catalog: str
    checkout: str


def publish(base: str, progress: Progress) -> Images:
    """Build and push operator, bundle and catalog.

    Args:
        base: IMAGE_TAG_BASE, such as "localhost:5001/helloworld-operator".

    Raises:
        KopfkitError: a target failed (with the end of its output), or the registry is not there.
    """
    # The newest of the history, which is what `make bundle` builds and the catalog's head.
    version = yamls.read(ROOT / releases.NAME)["releases"][-1]["version"]
    operator, bundle, catalog = (f"{base}{kind}:v{version}" for kind in ("", "-bundle", "-catalog"))
    common = {"VERSION": version, "IMAGE_TAG_BASE": base}
    copy = COPIES / base.partition("/")[0].replace(":", "-")
    with progress.step("Operator image"):
        copy_checkout(copy)
        _make(progress, copy, "docker-build", "docker-push", **common, IMG=operator)
        operator = digests.pin(operator)
    with progress.step("Bundle image"):
        common["IMG"] = operator
        _make(progress, copy, "bundle", "bundle-build", "bundle-push", **common, BUNDLE_IMG=bundle)
        bundle = digests.pin(bundle)
    with progress.step("Catalog image"):
        common["BUNDLE_IMG"] = bundle
        _make(
            progress,
            copy,
            "catalog",
            "catalog-build",
            "catalog-push",
            **common,
            CATALOG_IMG=catalog,
        )
        catalog = digests.pin(catalog)
    return Images(operator, bundle, catalog, str(copy))


def copy_checkout(copy: Path) -> None:
    """Copy the checkout: what git knows or would add, or all of it where there is no git.

    The copy's build/ stays, so that unchanged layers are found again.
    """
    copy.mkdir(parents=True, exist_ok=True)
    for entry in copy.iterdir():
        if entry.name != "build":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for name in _files():
        source, target = ROOT / name, copy / name
        if source.is_file():  # a deleted file may still be known to git
            target.parent.mkdir(parents=True, exist_ok=True)
            # With its times: a Makefile compares them.
            shutil.copy2(source, target)


def make(copy: str | Path, *targets: str, **variables: str) -> list[str]:
    """The command line for `make TARGET... NAME=value...` in a copy of the checkout.

    It uses the Python environment that runs this, and never makes it anew.
    """
    venv = Path(sys.prefix)
    words = [f"{name}={value}" for name, value in {**variables, "VENV": str(venv)}.items()]
    return ["make", "-C", str(copy), f"--old-file={venv / '.complete'}", *targets, *words]


def environment() -> dict[str, str]:
    """The environment for such a command: without the flags of a make that called us."""
    return {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS")}


def _make(progress: Progress, copy: Path, *targets: str, **variables: str) -> None:
    with progress.step(f"make {' '.join(targets)}") as step:
        process.run(
            make(copy, *targets, **variables),
            env=environment(),
            on_line=lambda line: _note(step, line),
        )
        step.note("")


def _note(step: Step, line: str) -> None:
    if line.strip():
        step.note(line.strip())


def _files() -> list[str]:
    try:
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return [name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        skipped = {".git", "build", "dist", "__pycache__", Path(sys.prefix).name}
        return [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)
        ]


def main() -> int:
    """Publish and print what was pushed as JSON."""
    parser = argparse.ArgumentParser(description="Build and push the images of this checkout.")
    parser.add_argument("base", help="IMAGE_TAG_BASE, such as localhost:5001/helloworld-operator")
    try:
        print(json.dumps(asdict(publish(parser.parse_args().base, Progress()))))
    except KopfkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
