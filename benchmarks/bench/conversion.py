"""Measures conversion over TLS: one object after the other, and reviews of many.

The two webhooks run beside each other and are asked in turns, so that a ratio is taken between
neighbours. The LIST of a real API server is `bench.listing`'s.
"""

import contextlib
import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import listing, machine, reviews, webhooks
from bench.measure import Sample
from bench.plane import Plane
from bench.webhooks import Webhook
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress

# Conversions before the clock starts: both have warm connections and caches by then.
_WARM: Final = 200


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        singles: conversions of one object in each turn.
        turns: of one object, and of each size of review.
        sizes: of reviews, with how many objects are sent in all; times are told for 10,000.
        listed: objects of the LIST; 0 for none.
        list_turns: how often each webhook's LIST is measured.
        limit: seconds after which what is left is done once only; 0 for none.
    """

    singles: int
    turns: int
    sizes: tuple[tuple[int, int], ...]
    listed: int
    list_turns: int
    limit: float = 0.0


PLANS: Final = {
    "quick": Plan(500, 7, ((1, 1000), (10, 2000), (100, 2000), (500, 2000)), 3000, 1, 60.0),
    "full": Plan(5000, 15, ((1, 10_000), (10, 10_000), (100, 10_000), (500, 10_000)), 10_000, 7),
}


def measure(
    plan: Plan, work: Path, progress: Progress, plane: Plane, samples: list[Sample]
) -> dict[str, str]:
    """Add samples of both webhooks; returns why one was left out, by name.

    Args:
        plane: where to LIST.

    Raises:
        KopfkitError: ours does not answer, or the two do not make the same.
    """
    certificates = webhooks.Certificates.make(work / "webhook-certificates")
    missing: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        peers: list[Webhook] = []
        for name in webhooks.NAMES:
            try:
                peers.append(
                    stack.enter_context(webhooks.running(name, work, certificates, progress))
                )
            except KopfkitError as error:
                if name == "ours":
                    raise
                missing[f"webhook {name}"] = str(error)
        webhooks.compare(peers)
        end = time.monotonic() + plan.limit if plan.limit else math.inf

        def turns(count: int, work: Callable[[Webhook], Sample]) -> Iterator[Sample]:
            return _turns(peers, count, work, end)

        idle = {peer.name: peer.process.rss() for peer in peers}
        gc.collect()
        gc.freeze()  # a collection of this process must not look like a slow webhook
        stack.callback(gc.unfreeze)
        with progress.step("conversion: one object over TLS") as step:
            samples += turns(plan.turns, lambda peer: single(peer, plan.singles))
            step.glance(_shown(samples, "convert", "p99_ms", "ms"))
        memory = {peer.name: peer.process.rss() for peer in peers}
        for size, count in plan.sizes:
            objects = [reviews.stored(number) for number in range(count)]
            with progress.step(f"conversion: reviews of {size}") as step:
                samples += turns(plan.turns, lambda peer: many(peer, objects, size))  # noqa: B023
                step.glance(_shown(samples, "reviews", "seconds", "s for 10,000"))
        for peer in peers:
            values = {
                "rss_idle": idle[peer.name],
                "rss_single": memory[peer.name],
                "rss_reviews": peer.process.rss(),
            }
            samples.append(Sample(peer.name, "webhook", 1, values))
        if plan.listed:
            with (
                listing.seeded(plane, plan.listed),
                progress.step(f"conversion: LIST of {plan.listed} through v1alpha1") as step,
            ):
                samples += turns(
                    plan.list_turns, lambda peer: listing.measure(plane, peer, plan.listed)
                )
                step.glance(_shown(samples, "list", "first", "s"))
    return missing


def single(peer: Webhook, count: int) -> Sample:
    """`count` conversions of one object, one after the other on one connection."""
    body = reviews.review([reviews.stored(0)], reviews.OLD)
    seconds = []
    with peer.client() as client:
        for _ in range(_WARM):
            client.post(body)
        others = machine.Strangers.watch([peer.process.pid])
        cpu, since = peer.process.cpu(), time.perf_counter()
        for _ in range(count):
            began = time.perf_counter()
            client.post(body)
            seconds.append(time.perf_counter() - began)
    share = others.seconds() / (time.perf_counter() - since)
    seconds.sort()
    values = {
        "p50_ms": seconds[len(seconds) // 2] * 1000,
        "p99_ms": seconds[len(seconds) * 99 // 100] * 1000,
        "cpu_ms": (peer.process.cpu() - cpu) / count * 1000,
        "strangers": share,
    }
    return Sample(peer.name, "convert", 1, values)


def many(peer: Webhook, objects: Sequence[Any], size: int) -> Sample:
    """All objects in reviews of `size`, one after the other; `seconds` is for 10,000 of them."""
    bodies = [reviews.review(part, reviews.OLD) for part in reviews.split(objects, size)]
    with peer.client() as client:
        client.post(bodies[0])
        cpu, began = peer.process.cpu(), time.perf_counter()
        for body in bodies:
            client.post(body)
        took = time.perf_counter() - began
    values = {
        "seconds": took / len(objects) * 10_000,
        "cpu_ms": (peer.process.cpu() - cpu) / len(objects) * 1000,
    }
    return Sample(peer.name, "reviews", size, values)


def _turns(
    peers: Sequence[Webhook], turns: int, work: Callable[[Webhook], Sample], end: float
) -> Iterator[Sample]:
    """A B, B A, A B: every second turn backwards; after `end` no second turn begins."""
    for number in range(turns):
        if number and time.monotonic() > end:
            return
        for peer in peers if number % 2 == 0 else peers[::-1]:
            yield work(peer)


def _shown(samples: Iterable[Sample], kind: str, key: str, unit: str) -> str:
    last = {each.operator: each.values[key] for each in samples if each.kind == kind}
    return ", ".join(f"{name} {value:.2f} {unit}" for name, value in last.items())
