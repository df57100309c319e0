"""What the simulating commands read: bundles and releases, objects, a converter, a cluster."""

import asyncio
import importlib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.manifests import CRD, CSV
from kopfkit.simulation.bundles import Bundle, bundle_of, checked_crd, read_bundle
from kopfkit.simulation.documents import read_documents
from kopfkit.simulation.objects import Convert, seen_through, sort_objects
from kopfkit.simulation.preflight import key_of
from kopfkit.simulation.situation import Objects, Situation
from kopfkit.simulation.webhooks import as_installed

Object = dict[str, Any]


def bundle_at(text: str) -> Bundle:
    """The bundle that an argument names: a directory, an image, or a release of this checkout's
    history.

    Raises:
        KopfkitError: it is neither.
    """
    if Path(text).is_dir():
        return read_bundle(Path(text))
    if is_image(text):
        return bundle_of(objects_of(text), text)
    if not re.fullmatch(r"v?\d+\.\d+\.\d+.*", text):
        raise KopfkitError(
            text,
            "is neither a directory, an image nor a release",
            "Specify a bundle's directory or image, or a version of catalog/releases.yaml; with "
            "--catalog, a bundle of it.",
        )
    from kopfkit.cli._generation import Checkout
    from kopfkit.packaging.bundle import manifests

    checkout = Checkout()
    release = checkout.history.release(text.removeprefix("v"))
    image = checkout.image(release.version)
    return bundle_of(manifests(checkout.project, release, image).values(), text)


def is_image(text: str) -> bool:
    """Whether an argument names an image: with a tag or a digest, and not here as a file."""
    return bool({":", "@"} & set(text)) and "/" in text and not os.path.lexists(text)


def objects_of(image: str) -> list[Object]:
    """The manifests in a bundle's image. Raises KopfkitError if it cannot be read."""
    from kopfkit.host.progress import Progress
    from kopfkit.olm import rendering

    return rendering.objects(image, Progress())


def installed(bundle: Bundle) -> Mapping[str, Object]:
    """The CRDs of a bundle as they are in a cluster, with the conversion that OLM writes."""
    return {name: as_installed(bundle, crd) for name, crd in bundle.crds.items()}


def crds_at(text: str, *, before: bool = False) -> Mapping[str, Object]:
    """The CRDs that an argument names: those of a bundle or release, or in a file or directory.

    Args:
        before: they are in a cluster, with the conversion that OLM has written into those of a
            bundle.
    """
    path = Path(text)
    if not path.exists():
        bundle = bundle_at(text)
        return installed(bundle) if before else bundle.crds
    inner = path / "manifests"
    documents = read_documents(inner if inner.is_dir() else path)
    if before and any(each.get("kind") == CSV for each in documents):
        return installed(bundle_of(documents, text))
    found = [checked_crd(each, text) for each in documents if each.get("kind") == CRD]
    if not found:
        raise KopfkitError(text, "holds no CustomResourceDefinition")
    return {each["metadata"]["name"]: each for each in found}


def converter_at(reference: str) -> Convert:
    """The `convert` of the kopfkit.conversion.Converter, or Converters, at "package.module:NAME".

    Raises:
        KopfkitError: there is none.
    """
    module, _, attribute = reference.partition(":")
    try:
        converter = attrgetter(attribute)(importlib.import_module(module))
        convert: Convert = converter.convert
    except (ImportError, AttributeError, ValueError) as error:
        raise KopfkitError(
            f"converter {reference}",
            f"cannot be had ({error})",
            "Specify it as package.module:ATTRIBUTE, a kopfkit.conversion.Converter or Converters.",
        ) from None

    def asked(obj: Object, api_version: str) -> Object:
        try:
            return convert(obj, api_version)
        except Exception as error:  # somebody else's code, which may raise anything
            raise KopfkitError(
                f"converter {reference}",
                f"does not convert {key_of(obj)} to {api_version} "
                f"({type(error).__name__}: {error})",
                "An API server would get this as a failure of the webhook; test the converter.",
            ) from error

    return asked


def situation_of(
    old: Mapping[str, Object],
    new: Mapping[str, Object],
    *,
    objects: Path | None,
    live: Path | None,
    converter: str | None,
) -> Situation:
    """What is known beyond the bundles.

    Args:
        old, new: CRDs by name.
        objects: directory or file of objects.
        live: kubeconfig of a cluster to read.
        converter: as `converter_at` takes it.
    """
    if live is not None:
        return _look(live, new)
    if objects is None:
        return Situation()
    both = {name: crd for name, crd in old.items() if name in new}
    convert = converter_at(converter) if converter else None
    sorted_objects = sort_objects(read_documents(objects), both)
    if not any(map(len, sorted_objects.values())):
        raise KopfkitError(
            str(objects),
            f"holds no object of {', '.join(both) or 'a CRD that both have'}",
            "Write some there (kubectl get KIND -A -o yaml).",
        )
    return Situation(
        objects={
            name: seen_through(both[name], new[name], group, convert)
            for name, group in sorted_objects.items()
        }
    )


def _look(kubeconfig: Path, new: Mapping[str, Object]) -> Situation:
    from kopfkit.host.progress import Progress
    from kopfkit.runtime.api import credentials
    from kopfkit.runtime.api.client import Client
    from kopfkit.runtime.api.errors import ApiError
    from kopfkit.simulation.live import look

    # The run-time client looks for the cluster where an operator does.
    os.environ["KUBECONFIG"] = str(kubeconfig.absolute())

    async def run() -> Situation:
        client = Client(credentials.load, manager="kopfkit-simulate")
        await client.open()
        try:
            with Progress().step("reading the cluster") as step:
                return await look(client, new, step.glance)
        except ApiError as error:
            raise KopfkitError(
                f"cluster of {kubeconfig}", f"cannot be read ({error})", "Is it up, and yours?"
            ) from None
        finally:
            await client.close()

    return asyncio.run(run())


def asked(crds: Mapping[str, Object], objects: Objects) -> list[tuple[str, str, str, str, str]]:
    """What an API server, started for this, says against the CRDs and against the objects by them.

    Returns:
        (CRD, version, key, field, sentence) for each refusal; version and key are "" for the CRD.
    """
    from kopfkit.cluster.dryrun import ask
    from kopfkit.host.progress import Progress

    trials: list[tuple[str, str, Object]] = [(name, "", crd) for name, crd in crds.items()]
    places = {name: (name, "", "") for name in crds}
    for crd, groups in objects.items():
        for version, group in groups.items():
            for obj in group:
                number = f"object {len(trials)}"
                places[number] = (crd, version, key_of(obj))
                trials.append((number, "", _created(obj)))
    answers = ask(trials, Progress())
    return [(*places[one.file], one.field, one.why) for one in answers.refusals if one.refused]


def _created(obj: Object) -> Object:
    """The object as somebody creates it: the API server's own metadata is left out."""
    metadata = obj.get("metadata") or {}
    kept = {key: metadata[key] for key in ("name", "labels", "annotations") if key in metadata}
    return {**obj, "metadata": kept}


def with_stored(situation: Situation, names: Mapping[str, Object], stored: str) -> Situation:
    """The situation with `status.storedVersions` as an option gives them, comma-separated."""
    if not stored:
        return situation
    kept = tuple(each.strip() for each in stored.split(",") if each.strip())
    known = {
        name: kept
        for name, crd in names.items()
        if set(kept) <= {each["name"] for each in crd["spec"]["versions"]}
    }
    if not known:
        raise KopfkitError(
            "--stored-versions", f"no CRD has {stored}", "Specify versions that a CRD has."
        )
    return replace(situation, stored_versions=known)
