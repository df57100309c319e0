"""Puts an image together from its recipe, its base and its files; no engine, no clock.

The same recipe, files, base and epoch give the same digest. An engine's build does not: it writes
the time of the build into the image's configuration and history.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.oci.dockerfile import Recipe
from kopfkit.oci.layers import Placed, pack
from kopfkit.oci.layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout, normal


@dataclass(frozen=True)
class Platform:
    """What an image runs on: "linux" and amd64 or arm64."""

    os: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.os}/{self.architecture}"


@dataclass(frozen=True)
class Base:
    """An image to start from.

    Attributes:
        reference: its name, with its digest where it has one.
        layout: holds it; None for the files of `root` alone.
        root: a root file system that becomes the first layer.
        settings: the process's settings (an OCI configuration's `config`) with `root`.
    """

    reference: str
    layout: Layout | None = None
    root: Path | None = None
    settings: Mapping[str, Any] | None = None


def platform(text: str) -> Platform:
    """linux/amd64 or linux/arm64. Raises KopfkitError for anything else."""
    found = text.split("/")
    if len(found) != 2 or found[0] != "linux" or found[1] not in ("amd64", "arm64"):
        raise KopfkitError(
            f"platform {text!r}", "is not supported", "Use linux/amd64, linux/arm64."
        )
    return Platform(*found)


def assemble(
    recipe: Recipe,
    target: Layout,
    *,
    context: Path,
    on: Platform,
    epoch: int,
    base: Base | None = None,
    results: Mapping[tuple[str, ...], Placed] | None = None,
) -> Descriptor:
    """Write one platform's image into a layout.

    Args:
        recipe: what the Dockerfile says.
        target: where its blobs go.
        context: the directory that COPY lines refer to.
        on: the platform.
        epoch: the time of the image and of all files that are added, in seconds since 1970.
        base: what FROM names; None where that is scratch.
        results: what each RUN line leaves behind.

    Returns the manifest's descriptor, with its platform.

    Raises:
        KopfkitError: a COPY names what is not there, or nobody supplied a RUN line's result.
    """
    created = datetime.datetime.fromtimestamp(epoch, datetime.UTC).isoformat()
    created = created.replace("+00:00", "Z")
    settings, layers, diff_ids, history = _begin(base, target, created, epoch)
    for source, destination in recipe.copies:
        path = context / source
        if not path.exists():
            raise KopfkitError(
                str(path), "does not exist, and the Dockerfile copies it", "Generate it first."
            )
        into = (
            destination
            if path.is_dir() or not destination.endswith("/")
            else (f"{destination}{path.name}")
        )
        _layer(target, [Placed(path, into)], epoch, layers, diff_ids)
        history.append({"created": created, "created_by": f"COPY {source} {destination}"})
    for command in recipe.runs:
        made = (results or {}).get(command)
        if made is None:
            raise KopfkitError(
                f"RUN {list(command)}", "can only be run by an engine", "Build it with an engine."
            )
        _layer(target, [made], epoch, layers, diff_ids)
        history.append({"created": created, "created_by": f"RUN {' '.join(command)}"})
    _configure(settings, recipe)
    config = {
        "created": created,
        "architecture": on.architecture,
        "os": on.os,
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    }
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": target.put(config, CONFIG),
        "layers": layers,
    }
    descriptor = target.put(manifest, MANIFEST)
    return {**descriptor, "platform": {"os": on.os, "architecture": on.architecture}}


def _begin(
    base: Base | None, target: Layout, created: str, epoch: int
) -> tuple[dict[str, Any], list[Descriptor], list[str], list[dict[str, Any]]]:
    layers: list[Descriptor] = []
    diff_ids: list[str] = []
    if base is None:
        return {}, layers, diff_ids, []
    if base.root is not None:
        _layer(target, [Placed(base.root, "/")], epoch, layers, diff_ids)
        history = [{"created": created, "created_by": f"FROM {base.reference}"}]
        return dict(base.settings or {}), layers, diff_ids, history
    assert base.layout is not None
    manifest = base.layout.get(base.layout.images()[0]["digest"])
    config = base.layout.get(manifest["config"]["digest"])
    for layer in manifest["layers"]:
        target.copy(layer["digest"], base.layout)
        layers.append({**layer, "mediaType": normal(layer["mediaType"])})
    return (
        dict(config.get("config", {})),
        layers,
        list(config["rootfs"]["diff_ids"]),
        list(config.get("history", [])),
    )


def _layer(
    target: Layout,
    placed: list[Placed],
    epoch: int,
    layers: list[Descriptor],
    diff_ids: list[str],
) -> None:
    packed = pack(placed, epoch=epoch, directory=target.directory)
    target.take(packed.path, packed.digest)
    layers.append({"mediaType": LAYER, "digest": packed.digest, "size": packed.size})
    diff_ids.append(packed.diff_id)


def _configure(settings: dict[str, Any], recipe: Recipe) -> None:
    """The recipe's words over the base's, as a Dockerfile's lines work."""
    if recipe.labels:
        settings["Labels"] = {**(settings.get("Labels") or {}), **recipe.labels}
    if recipe.environment:
        environment = dict(one.split("=", 1) for one in settings.get("Env") or [])
        environment.update(recipe.environment)
        settings["Env"] = [f"{key}={value}" for key, value in environment.items()]
    if recipe.user:
        settings["User"] = recipe.user
    if recipe.directory:
        settings["WorkingDir"] = recipe.directory
    if recipe.ports:
        settings["ExposedPorts"] = {
            **(settings.get("ExposedPorts") or {}),
            **{port: {} for port in recipe.ports},
        }
    if recipe.entrypoint is not None:
        settings["Entrypoint"] = recipe.entrypoint
        # A new ENTRYPOINT takes the base's CMD away.
        settings.pop("Cmd", None)
    if recipe.command is not None:
        settings["Cmd"] = recipe.command
