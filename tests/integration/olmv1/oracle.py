"""OLM v1's own resolver as a process that is asked, built from operator-controller's module.

The resolver is internal to the module, so that what asks it (`resolve.go`) is built inside a copy
of the module, with the module's own go.mod and go.sum; the module itself is checked against the
go.sum here. OLM v1 as a whole cannot be built without a fork of one of its dependencies; its
resolver can, and it is what decides.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from kopfkit.cluster import build, files, golang, gomod, paths, process
from kopfkit.cluster.progress import Progress
from kopfkit.packaging.catalog import channels, deprecations
from kopfkit.packaging.releases import History

HERE = Path(__file__).parent
MODULE = "github.com/operator-framework/operator-controller"
# operator-registry's: without C libraries for images that are never opened here.
TAGS = "containers_image_openpgp,exclude_graphdriver_btrfs"


def executable(progress: Progress) -> Path:
    """The program, built first if it is not in the cache: a minute.

    Raises:
        KopfkitError: there is no Go, a module cannot be downloaded, or it does not compile.
    """
    group = gomod.parse("olmv1", (HERE / "go.mod").read_text())
    store = paths.cache_dir() / "oracles"
    target = store / f"olmv1-{group.versions[MODULE]}-{_key()}" / "resolve"
    if target.exists():
        return target
    store.mkdir(exist_ok=True)
    go = golang.ensure(group.go, progress)
    with (
        progress.step("Building OLM v1's resolver") as step,
        files.locked(store / ".lock", lambda: step.note("waiting for another build")),
        tempfile.TemporaryDirectory(prefix=".building-", dir=store) as scratch,
    ):
        if target.exists():
            return target
        source, out = Path(scratch) / "source", Path(scratch) / "resolve"
        environment = golang.environment(Path(scratch))
        try:
            told = process.run([go, "mod", "download", "-json", MODULE], cwd=HERE, env=environment)
            # The module cache is not writable; its copy has to be.
            shutil.copytree(json.loads(told)["Dir"], source, copy_function=shutil.copyfile)
            for directory in [source, *(path for path in source.rglob("*") if path.is_dir())]:
                directory.chmod(0o755)
            program = source / "cmd" / "resolve"
            program.mkdir()
            shutil.copyfile(HERE / "resolve.go", program / "main.go")
            process.run(
                [go, "build", "-v", "-trimpath", "-buildvcs=false", f"-tags={TAGS}", "-o", out,
                 "./cmd/resolve"],
                cwd=source,
                env=environment,
                on_line=step.glance,
            )  # fmt: skip
        except process.CommandFailed as error:
            raise build.explain("tests/integration/olmv1", error.output) from error
        target.parent.mkdir(exist_ok=True)
        os.replace(out, target)
    return target


def _key() -> str:
    digest = hashlib.sha256(f"{TAGS} {sys.platform} {platform.machine()}".encode())
    for name in ("go.mod", "go.sum", "resolve.go"):
        digest.update(b"\0" + (HERE / name).read_bytes())
    return digest.hexdigest()[:12]


class Resolver:
    """The running program; ends with its `with`."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._process.stdout.close()

    def way(self, history: History, installed: str, among: Sequence[str]) -> tuple[str, ...]:
        """The versions that are installed one after the other, from `installed` on.

        Args:
            history: what the catalog is made of.
            installed: a version, whether the catalog has it or not.
            among: channels that the ClusterExtension names; none for all.
        """
        found = [installed]
        catalog = "".join(json.dumps(blob) for blob in blobs(history))
        names = {one.name(history.package): one.version for one in history.releases}
        while True:
            answer = self._ask(
                catalog=catalog,
                package=history.package,
                channels=list(among),
                installed={"name": f"{history.package}.v{found[-1]}", "version": found[-1]},
            )
            if answer["error"]:
                # Nothing to go to, and the channel does not have what is installed either.
                assert "no bundles found" in answer["error"], answer
                return tuple(found)
            version = names[answer["bundle"]]
            if version in found:  # it stays, or would go round for ever
                return tuple(found)
            found.append(version)

    def _ask(self, **request: Any) -> dict[str, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, str] = json.loads(self._process.stdout.readline())
        return answer


def blobs(history: History) -> list[dict[str, Any]]:
    """The package as a file-based catalog has it, without images."""
    package = history.package
    bundles = [
        {
            "schema": "olm.bundle",
            "name": one.name(package),
            "package": package,
            "image": f"registry.example.com/{package}:v{one.version}",
            "properties": [
                {
                    "type": "olm.package",
                    "value": {"packageName": package, "version": one.version},
                }
            ],
        }
        for one in history.releases
        if one.channels
    ]
    return [
        {"schema": "olm.package", "name": package, "defaultChannel": history.default_channel},
        *channels(history),
        *deprecations(history),
        *bundles,
    ]
