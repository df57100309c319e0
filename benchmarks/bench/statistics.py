"""Medians and ratios with an interval that says how sure they are.

Runs are interleaved, so that a ratio is taken between neighbours in time: a machine that becomes
slower changes both. The interval is the percentile bootstrap over those pairs (Efron and
Tibshirani, An Introduction to the Bootstrap, chapter 13).
"""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# Resamples: the 2.5 % tails then rest on 50 of them.
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A median and its 95 % interval. With fewer than three values the interval is the range."""

    median: float
    low: float
    high: float
    count: int


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The median of `values` with its bootstrap interval.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values")
    middle = statistics.median(values)
    if len(values) < 3:
        return Interval(middle, min(values), max(values), len(values))
    chance = random.Random(seed)
    medians = sorted(
        statistics.median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES)
    )
    tail = int(RESAMPLES * 0.025)
    return Interval(middle, medians[tail], medians[-tail - 1], len(values))


def ratio(
    above: Sequence[float | None], below: Sequence[float | None], seed: int = 0
) -> Interval | None:
    """The median of above[i] / below[i] over the pairs in which both were measured.

    None where there is no such pair, or a divisor is 0.
    """
    pairs = [(a, b) for a, b in zip(above, below, strict=False) if a is not None and b is not None]
    if not pairs or any(b == 0 for _, b in pairs):
        return None
    return interval([a / b for a, b in pairs], seed)
