"""Times `make bundle` beside operator-sdk's `generate bundle` on the manifests of this project.

The two do not do the same. `make bundle` starts from the Python types and the project description,
and checks what it writes; operator-sdk starts from finished manifests, which kustomize has to build
first from what controller-gen made of the Go types. So operator-sdk is timed twice: by itself, on
manifests that are there, and behind kustomize, as its Makefile calls it. controller-gen is left
out.
"""

import resource
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.measure import Sample
from bench.operators import ROOT
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain

NAMES: Final = ("ours", "sdk", "kustomize+sdk")
_PACKAGE: Final = "helloworld-operator"
_VERSION: Final = "0.1.0"


def measure(turns: int, work: Path, progress: Progress, samples: list[Sample]) -> dict[str, str]:
    """Add a sample for each turn of each of NAMES; returns why operator-sdk was left out.

    Raises:
        KopfkitError: `make bundle` fails.
    """
    checkout = _checkout(work / "checkout")
    commands: dict[str, Sequence[str]] = {"ours": ["make", "-C", str(checkout), "bundle"]}
    missing: dict[str, str] = {}
    try:
        commands |= _sdk(work / "sdk", progress)
    except KopfkitError as error:
        missing["operator-sdk"] = str(error)
    with progress.step("bundle: make bundle and operator-sdk") as step:
        found = []
        for number in range(turns):
            for name in [*commands] if number % 2 == 0 else [*commands][::-1]:
                made = (checkout if name == "ours" else work / "sdk") / "bundle"
                shutil.rmtree(made, ignore_errors=True)
                found.append(_one(name, commands[name]))
                if not (made / "manifests").is_dir():
                    raise KopfkitError(f"bundle by {name}", f"is not in {made}")
        best = {name: min(_seconds(found, name)) for name in commands}
        step.glance(", ".join(f"{name} {value:.2f} s" for name, value in best.items()))
    samples += found
    return missing


def _checkout(place: Path) -> Path:
    """A checkout that can be written to: links to everything but what is generated there."""
    place.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in ("bundle", "bundle.Dockerfile"):
            (place / entry.name).symlink_to(entry)
    return place


def _sdk(place: Path, progress: Progress) -> dict[str, Sequence[str]]:
    """operator-sdk's command lines, behind kustomize and by itself.

    It takes manifests from a pipe only, hence the shell and cat.
    """
    place.mkdir()
    tools = toolchain.ensure(["kubectl", "operator-sdk"], progress)
    kustomize = [str(tools["kubectl"]), "kustomize", str(ROOT / "config" / "manifests")]
    built = place / "manifests.yaml"
    with built.open("wb") as output:
        subprocess.run(kustomize, stdout=output, check=True)
    sdk = str(tools["operator-sdk"])
    generate = shlex.join([sdk, "generate", "bundle", "--quiet", "--overwrite"])
    generate += f" --package {_PACKAGE} --version {_VERSION} --output-dir bundle"
    inside = f"cd {shlex.quote(str(place))} && "
    return {
        "sdk": ["sh", "-c", f"{inside} cat {built.name} | {generate}"],
        "kustomize+sdk": ["sh", "-c", f"{inside} {shlex.join(kustomize)} | {generate}"],
    }


def _one(name: str, command: Sequence[str]) -> Sample:
    before, began = _children(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise KopfkitError(f"bundle by {name}", (done.stderr or done.stdout).strip()[-500:])
    return Sample(name, "bundle", 1, {"seconds": took, "cpu": _children() - before})


def _children() -> float:
    """Processor time of the processes that this one has waited for, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _seconds(samples: Iterable[Sample], name: str) -> list[float]:
    return [each.values["seconds"] for each in samples if each.operator == name]
