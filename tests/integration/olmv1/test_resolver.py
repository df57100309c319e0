"""What OLM v1's own resolver chooses, beside what the prover says that it will."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helloworld_operator.project import PROJECT
from kopfkit.cluster.progress import Progress
from kopfkit.packaging.historyfile import parse
from kopfkit.packaging.releases import NAME, History, Release
from kopfkit.packaging.routes import route_v1

from . import oracle

DAY = datetime.date(2027, 1, 2)
CHANNELS = ("stable", "candidate")
# A version that no catalog here has.
ELSEWHERE = "0.0.9"


@pytest.fixture(scope="module")
def resolver() -> Iterator[oracle.Resolver]:
    with oracle.Resolver(oracle.executable(Progress())) as running:
        yield running


def release(version: str, replaces: str = "", **more: Any) -> Release:
    fields: dict[str, Any] = {"channels": ("stable",), **more}
    return Release(version, DAY, served=("v1",), stored="v1", replaces=replaces, **fields)


def history(*releases: Release) -> History:
    return History("greeter", "stable", CHANNELS, releases)


@pytest.mark.parametrize(
    ("found", "way"),
    [
        (
            history(release("0.1.0"), release("0.2.0", "0.1.0"), release("0.3.0", "0.2.0")),
            ("0.1.0", "0.2.0", "0.3.0"),
        ),
        (
            history(
                release("0.1.0"),
                release("0.2.0", "0.1.0"),
                release("0.3.0", "0.2.0", skip_range=">=0.1.0 <0.3.0"),
            ),
            ("0.1.0", "0.3.0"),
        ),
        # 0.2.0 is skipped, and who is in its skipRange is led there all the same: not so in OLM v0.
        (
            history(
                release("0.1.0"),
                release("0.2.0", skip_range="<0.2.0"),
                release("0.3.0", skips=("0.2.0",)),
            ),
            ("0.1.0", "0.2.0", "0.3.0"),
        ),
        (
            history(
                release("0.1.0"),
                release("0.2.0", "0.1.0", deprecation="a bug"),
                release("0.3.0", "0.2.0"),
            ),
            ("0.1.0",),
        ),
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
def test_olm_v1_goes_a_known_way(
    resolver: oracle.Resolver, found: History, way: tuple[str, ...]
) -> None:
    assert resolver.way(found, way[0], []) == way
    assert route_v1(found, way[0]).versions == way


def test_olm_v1_leads_from_each_of_our_releases_to_the_head(resolver: oracle.Resolver) -> None:
    ours = parse(PROJECT, (Path(__file__).parents[3] / NAME).read_text("utf-8"))
    for one in ours.releases:
        assert resolver.way(ours, one.version, [])[-1] == ours.newest.version


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Any history, good or bad: ways lead up and down, and to what is not there."""
    count = draw(st.integers(1, 5))
    versions = [f"0.{at + 1}.0{draw(st.sampled_from(['', '', '-rc.1']))}" for at in range(count)]
    known = st.sampled_from([*versions, ELSEWHERE])
    ranges = ["", "", ">=0.1.0 <0.3.0", ">=0.2.0", "!=0.2.0", "<0.2.0 || >0.4.0", "<0.9.0-0"]
    return history(
        *(
            release(
                version,
                draw(st.just("") | known),
                channels=draw(st.sampled_from([CHANNELS, CHANNELS[:1], CHANNELS[1:]])),
                skips=tuple(draw(st.lists(known, unique=True, max_size=2))),
                skip_range=draw(st.sampled_from(ranges)),
                deprecation=draw(st.sampled_from(["", "", "a bug"])),
            )
            for version in versions
        )
    )


@settings(max_examples=300, deadline=None)
@given(histories(), st.sampled_from(["", *CHANNELS]))
def test_olm_v1_goes_the_way_that_the_prover_walks(
    resolver: oracle.Resolver, found: History, channel: str
) -> None:
    for installed in (ELSEWHERE, *(one.version for one in found.releases)):
        walked = route_v1(found, installed, channel).versions
        assert resolver.way(found, installed, [channel] if channel else []) == walked
