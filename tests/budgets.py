"""How much a property test tries: little and always the same in CI, much and random in `make soak`.

A fixed seed makes a red run repeatable and a green one worth no more than its examples; the soak is
what looks for new ones. SOAK=1 in the environment asks for it.
"""

import os

from hypothesis import HealthCheck, settings

SOAK = os.environ.get("SOAK", "") not in ("", "0")


def examples(ci: int, soak: int) -> int:
    """How many examples to try.

    Args:
        ci: in every run, the same ones each time.
        soak: where the environment says SOAK=1, new ones each time.
    """
    return soak if SOAK else ci


def budget(ci: int, soak: int) -> settings:
    """Hypothesis's settings for a property test; arguments as for `examples`.

    Without a deadline for one example and without health checks: a slow machine draws slowly, and
    that is no failure of what is tested.
    """
    return settings(
        max_examples=examples(ci, soak),
        derandomize=not SOAK,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
