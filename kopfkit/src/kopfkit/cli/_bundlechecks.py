"""Everything that has an opinion on a bundle, asked one after the other: one list of faults."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kopfkit.cluster import dryrun, process, toolchain
from kopfkit.cluster.process import CommandFailed
from kopfkit.cluster.progress import Progress
from kopfkit.errors import KopfkitError
from kopfkit.packaging import checks, sdk
from kopfkit.packaging.checks import Bundle, Finding
from kopfkit.packaging.trials import trials

# Not obtainable as a Go module everywhere, so it is used where somebody has installed it.
LINTER = "kube-linter"
# Seconds for operator-sdk with images to pull, over a slow line.
_PULLING = 600.0


@dataclass(frozen=True)
class Fault:
    """A finding, and who has found it."""

    file: str
    field: str
    why: str
    by: str

    @property
    def place(self) -> str:
        """File and field in one."""
        return f"{self.file}: {self.field}" if self.field else self.file

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"file": self.file, "field": self.field, "why": self.why, "by": self.by}


def everything(
    directory: Path | None, *, api_server: bool, images: bool
) -> tuple[list[Fault], list[str]]:
    """Every fault of a bundle, and who was asked.

    Args:
        directory: the bundle; None is that of the checkout, with its Dockerfile and description.
        api_server: start an API server and ask it.
        images: ask the validator that pulls images.

    Raises:
        KopfkitError: one of the tools cannot be had.
    """
    place, dockerfile, found = _own(directory)
    asked = ["kopfkit's checks"]
    bundle, _ = checks.load(place)
    if bundle is None:
        return found, asked
    progress = Progress()
    asked.append(f"operator-sdk {toolchain.choose('operator-sdk').version}")
    shown = _shown(place)
    found += [_by("operator-sdk", one) for one in _sdk(bundle, place, dockerfile, shown, images)]
    if api_server:
        asked.append(f"an API server {toolchain.version('kube-apiserver')}")
        asking = trials(bundle, dryrun.NAMESPACE)
        found += [Fault(*refusal, "API server") for refusal in dryrun.ask(asking, progress)]
    if shutil.which(LINTER):
        asked.append(LINTER)
        found += [_by(LINTER, one) for one in _linter(place)]
    # What a CSV contains is asked about twice: as a part of it, and as the object it becomes.
    return list(dict.fromkeys(found)), asked


def _own(directory: Path | None) -> tuple[Path, Path, list[Fault]]:
    """The bundle's directory, its Dockerfile, and what kopfkit's own checks find."""
    if directory is not None:
        place = directory.resolve()
        findings = checks.check(place)
        return place, place.parent / "bundle.Dockerfile", [_by("kopfkit", one) for one in findings]
    # Imported here: the description of a project is loaded for a checkout only.
    from kopfkit.cli._generation import Checkout
    from kopfkit.packaging.validation import bundle_faults

    checkout = Checkout()
    faults = []
    for spot, why in bundle_faults(checkout.project, checkout.root).found:
        file, _, field = spot.partition(": ")
        faults.append(Fault(file, field, why, "kopfkit"))
    return checkout.root / "bundle", checkout.root / "bundle.Dockerfile", faults


def _sdk(
    bundle: Bundle, place: Path, dockerfile: Path, shown: str, images: bool
) -> Iterator[Finding]:
    newest = toolchain.version("kube-apiserver").removeprefix("v").rpartition(".")[0]
    words = sdk.arguments(str(place), dockerfile=str(dockerfile), images=images, kubernetes=newest)
    tool = toolchain.tool("operator-sdk")
    try:
        said = process.run([tool, *words], timeout=_PULLING if images else 120)
    except CommandFailed as error:
        said = error.output
    yield from sdk.findings(said, bundle, shown)


def _linter(place: Path) -> Iterator[Finding]:
    """kube-linter reads what a Deployment says in a file of its own, not what is inside a CSV."""
    try:
        text = process.run([LINTER, "lint", "--format=json", str(place / "manifests")], timeout=120)
    except CommandFailed as error:
        text = error.output
    try:
        reports = json.JSONDecoder().raw_decode(text[text.index("{") :])[0].get("Reports") or []
    except ValueError:
        raise KopfkitError(LINTER, f"gave no report\n{process.tail(text)}") from None
    for one in reports:
        path = Path(one["Object"]["Metadata"]["FilePath"])
        why = f"{one['Diagnostic']['Message']} ({one['Check']})"
        yield Finding(f"{_shown(place)}/manifests/{path.name}", "", why)


def _shown(place: Path) -> str:
    return place.name


def _by(who: str, finding: Finding) -> Fault:
    return Fault(finding.file, finding.field, finding.why, who)
