"""The webhooks, a process of its own: conversion, and admission beside it.

It shares nothing with the controllers: a controller that is busy, restarting or waiting for its
Lease must not keep anybody from reading an object.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from kopfkit.admission.answering import Answerer
from kopfkit.admission.hooks import Hook, Purpose
from kopfkit.admission.review import Outcome, Request
from kopfkit.controller.identity import Identity
from kopfkit.controller.telemetry import Telemetry
from kopfkit.conversion import AnyConverter, serve
from kopfkit.webhook import kept_certificate


class Admitting(Protocol):
    """What decides about objects: `Admission`, or kopf's handlers."""

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """The webhooks to serve."""

    def review(self, purpose: Purpose, request: Request) -> Outcome:
        """The decision; may raise anything."""


async def run(
    identity: Identity,
    converter: AnyConverter | None,
    *crds: str,
    admission: Sequence[Admitting] = (),
    cert_dir: Path,
    port: int,
    health_port: int,
    metrics_port: int = 0,
    stop: asyncio.Event,
) -> None:
    """Serve until `stop` is set; see `kopfkit.conversion.serve` for further arguments and errors.

    Args:
        identity: of the operator.
        converter: answers ConversionReviews; None where nothing is converted.
        crds: the names of the CRDs that are converted.
        admission: answers AdmissionReviews.
        metrics_port: of /metrics; 0 for none.
    """
    telemetry = Telemetry(identity, metrics_port, f"{identity.name}-webhook")
    known = converter.api_versions if converter is not None else ()
    versions = (version.rpartition("/")[2] for version in known)
    observer = telemetry.conversion(tuple(dict.fromkeys(versions)))
    await telemetry.start()
    try:
        await serve(
            converter,
            reviewers=reviewers(admission, observer.admitted),
            cert_dir=cert_dir,
            port=port,
            health_port=health_port,
            stop=stop,
            observer=observer,
            beside=kept_certificate(*crds),
        )
    finally:
        await telemetry.stop()


def reviewers(
    admission: Sequence[Admitting], told: Callable[[str, str], None] = lambda webhook, result: None
) -> dict[str, Answerer]:
    """What answers AdmissionReviews, by path.

    Args:
        told: of each answer, as `Answerer` says.
    """
    return {
        hook.path: Answerer(hook, partial(each.review, hook.purpose), told=told)
        for each in admission
        for hook in each.hooks
    }
