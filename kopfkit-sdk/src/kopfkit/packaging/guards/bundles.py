"""A bundle's directory with the guard, and without it. Nothing is written before all is known."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.manifests import V1BETA1
from kopfkit.packaging import checks
from kopfkit.packaging.checks import Bundle
from kopfkit.packaging.checks import conversion as conversions
from kopfkit.packaging.guards import edits, parts
from kopfkit.packaging.inputs import check_image
from kopfkit.packaging.webhooks import GUARD
from kopfkit.packaging.writer import Output
from kopfkit.project import Faults

Object = dict[str, Any]
# What OLM refuses of conversion webhooks, or what makes one that nobody asks.
_REFUSED = {"conversion-modes", "conversion-crds", "conversion-preserves"}
_ELSEWHERE = "`kopfkit bundle validate` reports every such error."


@dataclass(frozen=True)
class Plan:
    """What has to be written.

    Attributes:
        files: new texts of files; only of those that change.
        guard: name of the guard's Deployment.
        deployments: names of the Deployments that convert.
        crds: names of the CRDs that are guarded.
        image: of the guard.
    """

    files: Mapping[Path, str]
    guard: str
    deployments: tuple[str, ...]
    crds: tuple[str, ...]
    image: str


def inject(directory: Path, image: str = "") -> Plan:
    """The guard for a bundle; one that is there from an earlier call is brought up to date.

    Args:
        directory: of the bundle, with manifests/.
        image: of the guard; "" for the one that is there.

    Raises:
        KopfkitError: there is no image, nothing to guard, a guard of the operator's own, or a
            bundle that OLM would not install.
    """
    before = _texts(directory)
    plain = {path: edits.taken_out(text, str(path)) for path, text in before.items()}
    bundle = _bundle(directory, plain)
    _refuse(bundle, directory)
    image = image or _image_of(_bundle(directory, before))
    if not image:
        raise KopfkitError(
            f"{directory}: the guard's image",
            "is not known",
            "Specify it: --image IMAGE (kopfkit guard image builds it).",
        )
    faults = Faults("guard inject")
    check_image(faults, "--image", image)
    faults.raise_if_any()
    after = dict(plain)
    _edit(after, directory, bundle.csv_file, parts.csv_edits(bundle, image))
    for name in parts.converted(bundle):
        _edit(after, directory, bundle.crds[name][0], list(parts.crd_edits(bundle, name)))
    return Plan(
        files={path: text for path, text in after.items() if text != before[path]},
        guard=parts.guard_name(parts.deployments(bundle)[0]),
        deployments=tuple(parts.deployments(bundle)),
        crds=tuple(parts.converted(bundle)),
        image=image,
    )


def remove(directory: Path) -> dict[Path, str]:
    """New texts of the files that have something of the guard; {} if none has.

    Raises:
        KopfkitError: it is no directory of a bundle, a file cannot be read, or what the guard has
            in it was edited by hand.
    """
    before = _texts(directory)
    after = {path: edits.taken_out(text, str(path)) for path, text in before.items()}
    return {path: text for path, text in after.items() if text != before[path]}


def outputs(texts: Mapping[Path, str]) -> list[Output]:
    """The texts for `packaging.writer`, which writes all or none."""
    return [Output(path, {"": text}) for path, text in texts.items()]


def _texts(directory: Path) -> dict[Path, str]:
    place = directory / "manifests"
    if not place.is_dir():
        raise KopfkitError(
            str(directory),
            "is not a bundle: it has no directory manifests",
            "Specify the directory that has manifests/ and metadata/.",
        )
    found = {}
    for path in sorted(place.iterdir()):
        if path.suffix in yamls.ENDINGS and path.is_file():
            if not path.resolve().is_relative_to(place.resolve()):
                raise KopfkitError(
                    str(path),
                    f"is a link to {path.resolve()}, outside of the bundle",
                    "Copy the file into the bundle: in an image the link would lead nowhere.",
                )
            try:
                if path.stat().st_size > yamls.LARGEST:
                    raise KopfkitError(str(path), f"is larger than {yamls.LARGEST >> 20} MiB")
                found[path] = path.read_bytes().decode()
            except UnicodeDecodeError:
                raise KopfkitError(str(path), "is not UTF-8", "Save it as UTF-8.") from None
            except OSError as error:
                raise KopfkitError(str(path), f"cannot be read ({error.strerror})") from None
    return found


def _bundle(directory: Path, texts: Mapping[Path, str]) -> Bundle:
    """The bundle with these texts in place of its files."""
    with tempfile.TemporaryDirectory(prefix="kopfkit-guard-") as scratch:
        copy = Path(scratch) / directory.resolve().name
        (copy / "manifests").mkdir(parents=True)
        for path, text in texts.items():
            (copy / "manifests" / path.name).write_bytes(text.encode())
        bundle, findings = checks.load(copy)
    manifests = f"{copy.name}/manifests"
    errors = [
        each
        for each in findings
        if each.severity == checks.ERROR and each.file.startswith(manifests)
    ]
    if bundle is None or errors:
        shown = "; ".join(f"{each.place} {each.why}" for each in errors[:3])
        raise KopfkitError(str(directory), f"cannot be read as a bundle: {shown}", _ELSEWHERE)
    return bundle


def _refuse(bundle: Bundle, directory: Path) -> None:
    name = str(directory)
    if not parts.converting(bundle):
        raise KopfkitError(
            name,
            "has no conversion webhook in spec.webhookdefinitions: there is nothing to guard",
            "A guard is of use from the release on that converts; inject it there.",
        )
    wrong = [each for each in conversions.check(bundle) if each.rule in _REFUSED]
    if wrong:
        shown = "; ".join(f"{each.place} {each.why}" for each in wrong[:3])
        raise KopfkitError(name, f"OLM would not install it: {shown}", _ELSEWHERE)
    for called in parts.converted(bundle):
        if len(parts.converting(bundle, called)) > 1:
            raise KopfkitError(
                name,
                f"has two conversion webhooks for {called}",
                f"Leave {called} to one of them.",
            )
    absent = [crd for crd in parts.converted(bundle) if crd not in bundle.crds]
    if absent:
        raise KopfkitError(name, f"has no manifest of {', '.join(absent)}, which it converts")
    for file, crd in (bundle.crds[crd] for crd in parts.converted(bundle)):
        if crd.get("apiVersion") == V1BETA1:
            raise KopfkitError(
                f"{name}: {Path(file).name}",
                f"is {V1BETA1}",
                "Kubernetes does not support it since 1.22; convert it.",
            )
    known = [each.get("name") for each in bundle.deployments]
    for deployment in parts.deployments(bundle):
        if deployment not in known:
            raise KopfkitError(
                name, f"has no Deployment {deployment}, which its conversion webhook names"
            )
    for hook in bundle.spec.get("webhookdefinitions", []):
        marks = hook.get("objectSelector", {}).get("matchLabels", {})
        if any(key.endswith(f"/{GUARD}") for key in marks):
            raise KopfkitError(
                name,
                f"has a guard already: {hook.get('generateName')}",
                "Nothing is to be done.",
            )
    if parts.hook_name(bundle) in [
        hook.get("generateName") for hook in bundle.spec["webhookdefinitions"]
    ]:
        raise KopfkitError(
            name,
            f"has a webhook {parts.hook_name(bundle)}, as the guard's is called",
            "Rename it.",
        )
    guard = parts.guard_name(parts.deployments(bundle)[0])
    if guard in known:
        raise KopfkitError(
            name, f"has a Deployment {guard}, as the guard's is called", "Rename it."
        )


def _image_of(bundle: Bundle) -> str:
    """The image of the guard that is in the bundle; "" if none is."""
    pod = parts.pod(bundle, parts.guard_name(parts.deployments(bundle)[0]))
    return str((pod.get("containers") or [{}])[0].get("image", ""))


def _edit(texts: dict[Path, str], directory: Path, file: str, wanted: list[edits.Edit]) -> None:
    path = directory / "manifests" / Path(file).name
    texts[path] = edits.inserted(texts[path], wanted, str(path))
