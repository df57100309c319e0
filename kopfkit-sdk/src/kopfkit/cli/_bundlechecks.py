"""Everything that has an opinion on a bundle, asked one after the other: one list of faults."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit import manifests, yamls
from kopfkit.cli import _olmv1
from kopfkit.cli._bundlereport import Fault, Outcome, without_known
from kopfkit.cluster import dryrun
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.process import CommandFailed
from kopfkit.host.progress import Progress
from kopfkit.olm import olmv1
from kopfkit.packaging import checks, sdk
from kopfkit.packaging.checks import (
    CHECKS,
    ERROR,
    HOUSE,
    RULES,
    WARNING,
    Bundle,
    Finding,
    certification,
)
from kopfkit.packaging.trials import EXAMPLES, trials
from kopfkit.toolchain import toolchain

# Not obtainable as a Go module everywhere, so it is used where somebody has installed it.
LINTER = "kube-linter"
SDK = "operator-sdk"
API_SERVER = "api-server"
TOOLS = (SDK, API_SERVER, LINTER)
# Seconds for operator-sdk with images to pull, over a slow line.
_PULLING = 600.0


@dataclass(frozen=True)
class Choice:
    """What to ask about a bundle.

    Attributes:
        directory: the bundle; None is that of the checkout, with its Dockerfile and description.
        strict: ask kopfkit's house rules and operator-sdk's optional validators, too.
        skip: names of checks, rules or TOOLS that are not asked.
        images: ask the validator that pulls images.
        crds: files of CRDs that the bundle's objects need and the bundle does not have.
        baseline: known findings, which do not count.
        olm_v1: ask OLM v1's code, too.
        certification: ask the rules of OpenShift's certification, too.
    """

    directory: Path | None
    strict: bool
    skip: frozenset[str] = frozenset()
    images: bool = False
    crds: Sequence[Path] = ()
    baseline: Path | None = None
    olm_v1: bool = False
    certification: bool = False

    def check(self) -> None:
        """Raises KopfkitError if there is no such check."""
        known = {*CHECKS, *RULES, *TOOLS}
        for name in sorted(self.skip - known):
            raise KopfkitError(
                f"--skip {name}", "is not a check", f"Valid values: {_listed(known)}."
            )


def everything(choice: Choice) -> Outcome:
    """Every fault of a bundle, and who was asked.

    Raises:
        KopfkitError: one of the tools cannot be had, or the baseline is none.
    """
    choice.check()
    bundle, dockerfile, findings = _own(choice)
    if choice.certification and bundle is not None:
        findings = [*findings, *certification.check(bundle)]
    hidden = {rule for rule in RULES if not choice.strict and RULES[rule].severity == HOUSE}
    found = [
        Fault(one.file, one.field, one.why, "kopfkit", one.severity, one.rule)
        for one in findings
        if one.rule not in hidden | choice.skip
    ]
    outcome = Outcome(asked=["kopfkit's checks"])
    judgement = None
    if choice.olm_v1:
        place = choice.directory or dockerfile.parent / "bundle"
        judgement = _olm_v1(place, outcome)
        found += _olmv1.refusals(bundle, place, judgement)
    if bundle is not None:
        found += _tools(choice, bundle, dockerfile, outcome, judgement)
    # What a CSV contains is asked about twice: as a part of it, and as the object it becomes.
    outcome.faults, outcome.known = without_known(dict.fromkeys(found), choice.baseline)
    return outcome


def _olm_v1(directory: Path, outcome: Outcome) -> olmv1.Judgement:
    progress = Progress()
    if toolchain.choose(olmv1.TOOL).origin == "to be built":
        progress.say("OLM v1's code must be built first: some minutes, once on this machine.")
    outcome.asked.append(f"OLM v1's code {toolchain.version(olmv1.TOOL)}")
    with olmv1.OlmV1(progress) as asked:
        return asked.bundle(directory)


def _tools(
    choice: Choice,
    bundle: Bundle,
    dockerfile: Path,
    outcome: Outcome,
    judgement: olmv1.Judgement | None,
) -> Iterator[Fault]:
    progress = Progress()
    wanted = {SDK: ["operator-sdk"], API_SERVER: ["kube-apiserver", "etcd"]}
    names = [one for tool in (SDK, API_SERVER) if tool not in choice.skip for one in wanted[tool]]
    absent = [name for name in names if toolchain.choose(name).origin == "to be built"]
    if absent:
        progress.say(
            f"{' and '.join(absent)} must be built first: about ten minutes, once on this machine."
            f" Without: --skip {SDK} --skip {API_SERVER}"
        )
    if SDK not in choice.skip:
        outcome.asked.append(f"operator-sdk {toolchain.choose('operator-sdk').version}")
        for remark in _sdk(choice, bundle, dockerfile):
            yield Fault(remark.file, remark.field, remark.why, SDK, remark.severity)
    if API_SERVER not in choice.skip:
        outcome.asked.append(f"an API server {toolchain.version('kube-apiserver')}")
        given = [one for path in choice.crds for one in _crds(path)]
        rendered = _olmv1.trials(bundle, judgement) if judgement else []
        answers = dryrun.ask([*trials(bundle), *rendered], progress, given)
        outcome.notes += [
            f"{kind} was not tried: nothing here has its CustomResourceDefinition"
            " (give it with --crds)"
            for kind in answers.skipped
        ]
        said = []
        for one in answers.refusals:
            # Nothing that installs the bundle creates its examples.
            wrong = one.refused and not one.field.startswith(EXAMPLES)
            severity = ERROR if wrong else WARNING
            said.append(Fault(one.file, one.field, one.why, "API server", severity))
        yield from _olmv1.new_here(said)
    if LINTER not in choice.skip and shutil.which(LINTER):
        outcome.asked.append(LINTER)
        for file, why in _linter(bundle.directory):
            yield Fault(file, "", why, LINTER, WARNING)


def _own(choice: Choice) -> tuple[Bundle | None, Path, list[Finding]]:
    """The bundle, its Dockerfile, and what kopfkit's own checks find."""
    if choice.directory is not None:
        place = choice.directory.resolve()
        bundle, findings = checks.load(place)
        if bundle is not None:
            findings += checks.found_in(bundle, skip=choice.skip)
        return bundle, place.parent / "bundle.Dockerfile", findings
    # Imported here: the description of a project is loaded for a checkout only.
    from kopfkit.cli._generation import Checkout
    from kopfkit.packaging.validation import bundle_findings

    checkout = Checkout()
    bundle, findings = bundle_findings(checkout.project, checkout.root, choice.skip)
    return bundle, checkout.root / "bundle.Dockerfile", findings


def _sdk(choice: Choice, bundle: Bundle, dockerfile: Path) -> Iterator[sdk.Remark]:
    newest = toolchain.version("kube-apiserver").removeprefix("v").rpartition(".")[0]
    place = bundle.directory
    words = sdk.arguments(
        str(place),
        optional=choice.strict,
        dockerfile=str(dockerfile),
        images=choice.images,
        kubernetes=newest,
    )
    tool = toolchain.tool("operator-sdk")
    try:
        said = process.run([tool, *words], timeout=_PULLING if choice.images else 120)
    except CommandFailed as error:
        said = error.output
    yield from sdk.findings(said, bundle, place.name)


def _linter(place: Path) -> Iterator[tuple[str, str]]:
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
        yield f"{place.name}/manifests/{path.name}", why


def _crds(path: Path) -> list[dict[str, Any]]:
    """The CRDs in a file of --crds. Raises KopfkitError if one has fields of other types."""
    wrong: list[str] = []
    found = [
        manifests.typed(one, lambda field, why: wrong.append(f"{field} {why}"))
        for one in yamls.read_all(path)
        if isinstance(one, dict) and one.get("kind") == manifests.CRD
    ]
    if wrong or not found:
        why = wrong[0] if wrong else "no CustomResourceDefinition is in it"
        raise KopfkitError(
            f"--crds {path}", why, "Specify a file of CRDs that the API server accepts."
        )
    return found


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
