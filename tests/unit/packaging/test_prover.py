"""The prover finds every way on which somebody is stranded or loses something, and names it."""

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.project import PROJECT
from kopfkit.packaging import routes
from kopfkit.packaging.prover import prove
from kopfkit.packaging.releases import History, Release
from kopfkit.project import Project

DAY = datetime.date(2026, 1, 1)
BOTH = ("v1alpha1", "v1")


def release(version: str, replaces: str = "", **more: Any) -> Release:
    fields: dict[str, Any] = {
        "channels": ("stable",),
        "served": BOTH,
        "stored": "v1",
        "known": BOTH,
        **more,
    }
    return Release(version=version, date=DAY, replaces=replaces, **fields)


def history(*releases: Release, channels: tuple[str, ...] = ("stable",)) -> History:
    return History(PROJECT.name, channels[0], channels, releases)


def told(found: History) -> str:
    return "\n".join(f"{place}: {why}" for place, why in prove(PROJECT, found).found)


OLD: dict[str, Any] = {"served": ("v1alpha1",), "stored": "v1alpha1", "known": ("v1alpha1",)}


def test_the_projects_own_graph_is_proved(project: Project, live: History) -> None:
    assert prove(project, live).found == []


@pytest.mark.parametrize(
    ("found", "place", "why"),
    [
        (
            history(release("0.1.0"), release("0.2.0"), release("0.3.0", "0.2.0")),
            "channel stable",
            "users on 0.1.0 are stuck: OLM v0 has no upgrade path from 0.1.0 to 0.3.0; name 0.1.0",
        ),
        (
            history(release("0.1.0"), release("0.2.0", "0.1.0"), release("0.3.0", "0.1.0")),
            "channel stable",
            "has 2 heads (0.2.0, 0.3.0)",
        ),
        (
            history(
                release("0.1.0"),
                release("0.2.0", "0.1.0"),
                release("0.3.0", "0.2.0", skips=("0.2.0",)),
            ),
            "channel stable",
            "has no chain of replaces from its head 0.3.0 to 0.1.0, and opm rejects it",
        ),
        (
            history(release("0.1.0"), release("0.2.0", "0.1.0", skip_range=">=0.1.0 <0.9.0"),
                    release("0.3.0", "0.2.0")),
            "release 0.2.0.skipRange",
            "makes 0.3.0 upgrade down to 0.2.0",
        ),
        (
            history(release("0.1.0"), release("0.2.0", "0.1.0", skip_range="soon")),
            "release 0.2.0.skipRange",
            "'soon' is not a range",
        ),
        (
            history(release("0.1.0"), release("0.2.0", "0.1.0", deprecation="bad")),
            "channel stable",
            "ends at 0.2.0, which is deprecated",
        ),
        (
            history(release("0.1.0", **OLD), release("0.2.0", "0.1.0")),
            "0.1.0 -> 0.2.0",
            "stores v1, which 0.1.0 does not serve: until the webhook of 0.2.0 runs",
        ),
        (
            history(
                release("0.1.0"),
                release("0.2.0", "0.1.0", served=("v1",), known=("v1",)),
            ),
            "0.1.0 -> 0.2.0",
            "does not serve v1alpha1, which 0.1.0 serves without a warning",
        ),
        (
            history(
                release("0.1.0", **OLD),
                release("0.2.0", "0.1.0", served=("v1",), known=("v1",)),
            ),
            "0.1.0 -> 0.2.0",
            "drops v1alpha1, in which objects may be stored (status.storedVersions)",
        ),
        (
            history(
                release("0.1.0", channels=("fast",)),
                release("0.2.0"),
                channels=("stable", "fast"),
            ),
            "channel stable",
            "users on 0.1.0 are stuck: OLM v0 has no upgrade path from 0.1.0 to 0.2.0",
        ),
    ],
    ids=[
        "stranded", "two heads", "off the chain", "downward", "no range", "deprecated head",
        "flip too early",
        "dropped without a warning", "stored version dropped", "from another channel",
    ],
)  # fmt: skip
def test_a_wrong_graph_is_named_with_the_way_and_the_cure(
    found: History, place: str, why: str
) -> None:
    text = told(found)
    assert f"{place}: " in text
    assert why in text


def test_a_stored_version_is_followed_along_the_whole_way() -> None:
    # v1alpha1 may still be stored two steps later: nothing says that 0.2.0 ran long enough.
    found = history(
        release("0.1.0", stored="v1alpha1"),
        release("0.2.0", "0.1.0", deprecated_versions=("v1alpha1",)),
        release("0.3.0", "0.2.0", served=("v1",), known=("v1",)),
    )
    text = told(found)
    assert "0.2.0 -> 0.3.0: drops v1alpha1" in text
    assert "upgrade path 0.1.0 -> 0.2.0 -> 0.3.0" in text


def test_a_way_through_a_release_that_serves_both_is_fine() -> None:
    between = release("0.2.0", "0.1.0", stored="v1alpha1")
    after = release("0.3.0", "0.2.0", deprecated_versions=("v1alpha1",))
    last = release("0.4.0", "0.3.0", served=("v1",))
    assert told(history(release("0.1.0", **OLD), between, after, last)) == ""


def test_who_is_ahead_of_a_channel_is_not_stranded_in_it() -> None:
    ahead = release("0.2.0", "0.1.0", channels=("candidate",))
    both = release("0.1.0", channels=("stable", "candidate"))
    assert told(history(both, ahead, channels=("stable", "candidate"))) == ""


def test_olm_v0_takes_the_nearest_to_the_head_and_v1_the_highest_that_is_not_deprecated() -> None:
    found = history(
        release("0.1.0"),
        release("0.2.0", "0.1.0"),
        release("0.3.0", "0.2.0", skip_range=">=0.1.0 <0.3.0", deprecation="a bug"),
        release("0.4.0", "0.3.0", skips=("0.2.0",)),
    )
    assert str(routes.route_v0(found, "stable", "0.1.0")) == "0.1.0 -> 0.3.0 -> 0.4.0"
    assert str(routes.route_v1(found, "0.1.0")) == "0.1.0 -> 0.2.0 -> 0.4.0"


def test_olm_v1_goes_to_no_deprecated_release_not_even_on_the_way_to_the_head() -> None:
    middle = release("0.2.0", "0.1.0", deprecation="a bug")
    found = history(release("0.1.0"), middle, release("0.3.0", "0.2.0"))
    assert str(routes.route_v0(found, "stable", "0.1.0")) == "0.1.0 -> 0.2.0 -> 0.3.0"
    assert str(routes.route_v1(found, "0.1.0")) == "0.1.0"
    assert (
        "all channels: users on 0.1.0 are stuck: OLM v1 has no upgrade path from 0.1.0 to 0.3.0 "
        "(it never upgrades to deprecated releases: 0.2.0); name 0.1.0 in the replaces, skips or "
        "skipRange of a release above that is not deprecated"
    ) in told(found)
    passed = release("0.3.0", "0.2.0", skip_range=">=0.1.0 <0.3.0")
    assert told(history(release("0.1.0"), middle, passed)) == ""


def test_a_skip_range_ends_below_its_own_release() -> None:
    found = history(release("0.1.0"), release("0.2.0", "0.1.0", skip_range=">=0.1.0"))
    assert told(found) == (
        "release 0.2.0.skipRange: includes 0.2.0 itself, so that OLM v0 offers it again to its own "
        "users; end the skipRange below 0.2.0"
    )


def test_olm_v1_leads_nobody_down() -> None:
    found = history(release("0.1.0"), release("0.2.0", skip_range=">=0.1.0"), release("0.3.0"))
    assert str(routes.route_v1(found, "0.3.0")) == "0.3.0"


@st.composite
def histories(draw: st.DrawFn) -> History:
    versions = [f"0.{minor}.0" for minor in range(1, draw(st.integers(2, 6)) + 1)]
    made = []
    for index, version in enumerate(versions):
        earlier = versions[:index]
        made.append(
            release(
                version,
                draw(st.sampled_from(["", *earlier])),
                skips=tuple(draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2)))
                if earlier
                else (),
                skip_range=draw(st.sampled_from(["", f"<{version}", f">=0.2.0 <{version}"])),
                deprecation=draw(st.sampled_from(["", "", "no"])),
            )
        )
    return history(*made)


@budget(ci=60, soak=5000)
@given(histories())
def test_every_graph_gets_a_verdict_and_a_proved_one_leads_everybody_to_the_head(
    found: History,
) -> None:
    faults = prove(PROJECT, found).found
    if not faults:
        head = found.newest.version
        for one in found.releases:
            assert routes.route_v0(found, "stable", one.version).end == head
