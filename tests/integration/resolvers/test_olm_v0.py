"""What OLM v0's own resolver chooses, beside what the prover says that it will.

The same code in a running OLM, with its catalog pod and its InstallPlans, is asked on kind
(tests/e2e/test_resolver.py), for few graphs; here for many.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.host.progress import Progress
from kopfkit.packaging.releases import History
from kopfkit.packaging.routes import route_v0
from kopfkit.packaging.ways import heads, members

from .asking import Resolver
from .building import olm_v0
from .graphs import (
    CHAIN,
    CHANNELS,
    DEPRECATED,
    ELSEWHERE,
    RANGE,
    SKIPPED,
    histories,
    history,
    release,
)


@pytest.fixture(scope="module")
def resolver() -> Iterator[Resolver]:
    # A channel that is empty, has no head or several, or whose chain closes.
    refusals = ("no operators found", "no channel heads", "unique replacement chain", "a cycle")
    with Resolver(olm_v0(Progress()), *refusals) as running:
        yield running


@pytest.mark.parametrize(
    ("found", "way"),
    [
        (CHAIN, ("0.1.0", "0.2.0", "0.3.0")),
        (RANGE, ("0.1.0", "0.3.0")),
        (DEPRECATED, ("0.1.0", "0.2.0", "0.3.0")),
        # Nobody is led to what is skipped.
        (SKIPPED, ("0.1.0",)),
        (history(release("0.1.0"), release("0.2.0")), ("0.1.0",)),
        (history(release("0.2.0", ELSEWHERE)), (ELSEWHERE, "0.2.0")),
    ],
    ids=[
        "a chain", "the nearest to the head", "by a deprecated one", "never to what is skipped",
        "two heads", "from elsewhere",
    ],
)  # fmt: skip
def test_olm_v0_goes_a_known_way(resolver: Resolver, found: History, way: tuple[str, ...]) -> None:
    assert resolver.way(found, way[0], ["stable"]) == way
    assert route_v0(found, "stable", way[0]).versions == way


def test_olm_v0_leads_from_each_of_our_releases_to_the_head(
    resolver: Resolver, live: History
) -> None:
    for channel in live.channels:
        (head,) = heads(live, channel)
        for one in members(live, channel):
            assert resolver.way(live, one.version, [channel])[-1] == head.version


@budget(ci=100, soak=5000)
@given(histories(), st.sampled_from(CHANNELS))
def test_olm_v0_goes_the_way_that_the_prover_walks(
    resolver: Resolver, found: History, channel: str
) -> None:
    for installed in (ELSEWHERE, *(one.version for one in found.releases)):
        walked = route_v0(found, channel, installed).versions
        assert resolver.way(found, installed, [channel]) == walked
