"""What each part that protects the conversion is good for: taken away, clients notice.

An upgrade from one release to the next of the same APIs, with slow pods. What an upgrade without
a part costs differs from run to run, that it costs something does not. The parts work from the
*old* release on, so it is the old one that they are taken from; what the bundle declares counts in
the new one.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from budgets import SOAK
from kopfkit.packaging.releases import History

from . import verdicts
from .clients import Clients
from .conftest import Package
from .experiment import RUNS, Outcome, under_load
from .publishing import SLOW as FULL
from .publishing import Parts, Publisher, successor

# name: what the old release has, what the new one has, whether clients notice.
TABLE: dict[str, tuple[Parts, Parts]] = {
    "A: no guard, Secret not owned": (
        replace(FULL, guard=False, owned=False),
        replace(FULL, guard=False, owned=False),
    ),
    "B: nothing declared": (
        replace(FULL, guard=False, owned=False, protected=False),
        replace(FULL, guard=False, owned=False, protected=False, declared=False),
    ),
    "C: Secret not owned": (replace(FULL, owned=False), replace(FULL, owned=False)),
    "E without the guard": (replace(FULL, guard=False), replace(FULL, guard=False)),
    "E: all parts": (FULL, FULL),
    "first upgrade from a release without any": (replace(FULL, guard=False, owned=False), FULL),
}
# Those that fail surely, and so are in every soak.
SURE = ("A: no guard, Secret not owned",) if SOAK else ()


@pytest.fixture
def upgrade(
    clean_package: Package,
    publisher: Publisher,
    live: History,
    world: Any,
    converts: Callable[[], None],
) -> Callable[[str], Outcome]:
    """Runs a row of the table."""

    package = clean_package

    def run(name: str) -> Outcome:
        old, new = TABLE[name]
        first = replace(live.release("0.2.0"), replaces="")
        second = successor(first, "0.2.1")
        package.upgrade(publisher.catalog((first, old)))
        converts()
        clients = Clients(world.api, world.namespace, rich=True)
        clients.prepare()
        catalog = publisher.catalog((first, old), (second, new))
        outcome = under_load(
            name, clients, lambda: package.upgrade(catalog), package.rollouts, "v1alpha1", "v1"
        )
        verdicts.no_worse(outcome, verdicts.predicted((first, old), (second, new)))
        return outcome

    return run


if SURE:

    @pytest.mark.parametrize("name", SURE)
    def test_without_the_parts_an_upgrade_is_noticed(
        upgrade: Callable[[str], Outcome], name: str
    ) -> None:
        outcome = upgrade(name)
        assert outcome.record.failures or outcome.record.wrong


# Only for who measures: a run of the table takes a quarter of an hour.
if RUNS:

    @pytest.mark.parametrize("run", range(RUNS))
    @pytest.mark.parametrize("name", TABLE)
    def test_the_table(upgrade: Callable[[str], Outcome], name: str, run: int) -> None:
        outcome = upgrade(name)
        if name.startswith("E:"):
            outcome.unnoticed()
