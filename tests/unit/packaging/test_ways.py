"""Who is offered which release in a channel."""

from dataclasses import replace

from kopfkit.packaging.catalog import channels
from kopfkit.packaging.releases import History
from kopfkit.packaging.routes import route_v0
from kopfkit.packaging.ways import Edge, chain, edges, heads, members, offered


def test_a_way_is_by_replaces_or_else_by_the_skip_range(history: History) -> None:
    assert edges(history, "stable") == [
        Edge("0.1.0", "0.2.0", "replaces"),
        Edge("0.2.0", "0.3.0", "replaces"),
        Edge("0.2.0", "0.4.0", "skipRange"),
        Edge("0.3.0", "0.4.0", "replaces"),
    ]
    assert [one.version for one in heads(history, "stable")] == ["0.4.0"]


def test_what_is_not_in_the_channel_is_no_way(history: History) -> None:
    releases = tuple(
        replace(one, channels=("candidate",)) if one.version == "0.3.0" else one
        for one in history.releases
    )
    other = replace(history, releases=releases)
    assert [one.version for one in members(other, "stable")] == ["0.1.0", "0.2.0", "0.4.0"]
    assert edges(other, "stable")[-1] == Edge("0.2.0", "0.4.0", "skipRange")
    # A skipRange passes nobody on, so opm sees two heads.
    assert [one.version for one in heads(other, "stable")] == ["0.2.0", "0.4.0"]


def test_skips_make_a_way_and_end_a_head(history: History) -> None:
    newest = replace(history.newest, skips=("0.2.0",), skip_range="")
    other = replace(history, releases=(*history.releases[:2], newest))
    assert edges(other, "stable") == [
        Edge("0.1.0", "0.2.0", "replaces"),
        Edge("0.2.0", "0.4.0", "skips"),
    ]
    assert [one.version for one in heads(other, "stable")] == ["0.4.0"]


def test_nothing_is_offered_to_itself(history: History) -> None:
    assert offered(replace(history.newest, skip_range=">=0.0.0"), history.newest.version) == ""


def test_olm_leads_nobody_to_what_is_skipped(history: History) -> None:
    first, second, third, newest = history.releases
    third = replace(third, skip_range=">=0.1.0 <0.3.0")
    newest = replace(newest, replaces="0.2.0", skips=("0.3.0",), skip_range="")
    other = replace(history, releases=(first, second, third, newest))
    assert [one.version for one in chain(other, "stable")] == ["0.4.0", "0.2.0", "0.1.0"]
    assert str(route_v0(other, "stable", "0.1.0")) == "0.1.0 -> 0.2.0 -> 0.4.0"
    # Also where the chain leads over it.
    newest = replace(newest, replaces="0.3.0")
    other = replace(history, releases=(first, second, third, newest))
    assert [one.version for one in chain(other, "stable")] == ["0.4.0", "0.2.0", "0.1.0"]


def test_olm_leads_nowhere_in_a_channel_with_two_heads_or_a_ring(history: History) -> None:
    first, second, third, newest = history.releases
    two = replace(history, releases=(first, second, third, replace(newest, replaces="0.1.0")))
    assert [one.version for one in heads(two, "stable")] == ["0.3.0", "0.4.0"]
    assert chain(two, "stable") == []
    assert route_v0(two, "stable", "0.1.0").versions == ("0.1.0",)
    ring = replace(history, releases=(replace(first, replaces="0.3.0"), second, third, newest))
    assert chain(ring, "stable") == []


def test_a_release_of_another_channel_is_taken_in(history: History) -> None:
    first, *others = history.releases
    other = replace(history, releases=(replace(first, channels=("candidate",)), *others))
    assert str(route_v0(other, "stable", "0.1.0")) == "0.1.0 -> 0.2.0 -> 0.4.0"
    (stable,) = [one for one in channels(other) if one["name"] == "stable"]
    assert stable["entries"][0] == {
        "name": "helloworld-operator.v0.2.0",
        "replaces": "helloworld-operator.v0.1.0",
    }
