"""What OLM v1's own resolver chooses, beside what the prover says that it will."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.host.progress import Progress
from kopfkit.olm import olmv1
from kopfkit.packaging.releases import History
from kopfkit.packaging.routes import route_v1
from kopfkit.toolchain import toolchain

from .asking import Resolver
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
    # Nothing to go to, and the channel does not have what is installed either.
    with Resolver(toolchain.tool(olmv1.TOOL, Progress()), "no bundles found") as running:
        yield running


@pytest.mark.parametrize(
    ("found", "way"),
    [
        (CHAIN, ("0.1.0", "0.2.0", "0.3.0")),
        (RANGE, ("0.1.0", "0.3.0")),
        # 0.2.0 is skipped, and who is in its skipRange is led there all the same: not so in OLM v0.
        (SKIPPED, ("0.1.0", "0.2.0", "0.3.0")),
        (DEPRECATED, ("0.1.0",)),
        (
            history(
                release("0.1.0", deprecation="old"),
                release("0.2.0", "0.1.0", deprecation="a bug"),
                release("0.3.0", "0.2.0"),
            ),
            ("0.1.0", "0.2.0", "0.3.0"),
        ),
        (history(release("0.2.0", ELSEWHERE)), (ELSEWHERE, "0.2.0")),
        (history(release("0.2.0")), (ELSEWHERE,)),
        (history(release("0.1.0"), release("0.2.0-rc.1", "0.1.0")), ("0.1.0", "0.2.0-rc.1")),
    ],
    ids=[
        "a chain", "the highest", "by what is skipped", "never to a deprecated one",
        "from a deprecated one", "from elsewhere", "not from elsewhere", "a prerelease",
    ],
)  # fmt: skip
def test_olm_v1_goes_a_known_way(resolver: Resolver, found: History, way: tuple[str, ...]) -> None:
    assert resolver.way(found, way[0], []) == way
    assert route_v1(found, way[0]).versions == way


def test_olm_v1_leads_from_each_of_our_releases_to_the_head(
    resolver: Resolver, live: History
) -> None:
    for one in live.releases:
        assert resolver.way(live, one.version, [])[-1] == live.newest.version


@budget(ci=100, soak=5000)
@given(histories(), st.sampled_from(["", *CHANNELS]))
def test_olm_v1_goes_the_way_that_the_prover_walks(
    resolver: Resolver, found: History, channel: str
) -> None:
    for installed in (ELSEWHERE, *(one.version for one in found.releases)):
        walked = route_v1(found, installed, channel).versions
        assert resolver.way(found, installed, [channel] if channel else []) == walked
