"""What a person sees of the upgrade graph says what the history says."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from kopfkit.packaging.graph import mermaid, tree
from kopfkit.packaging.picture import svg
from kopfkit.packaging.releases import History

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def stable(history: History) -> History:
    """One channel, and a release that nobody should install, for a reason with odd characters."""
    releases = tuple(
        replace(one, deprecation='it is <slow> & says "no"') if one.version == "0.3.0" else one
        for one in history.releases
    )
    return replace(history, channels=("stable",), releases=releases)


def test_the_tree_names_head_ways_and_versions_newest_first(stable: History) -> None:
    assert tree(stable) == (
        "stable (default)\n"
        "├── 0.4.0  2026-11-25  v1 (stored), v1alpha1 (deprecated); head\n"
        "│          from 0.3.0, 0.2.0 by skipRange >=0.2.0 <0.4.0\n"
        "├── 0.3.0  2026-11-25  v1 (stored), v1alpha1 (deprecated)\n"
        "│          from 0.2.0\n"
        '│          deprecated: it is <slow> & says "no"\n'
        "├── 0.2.0  2026-11-25  v1alpha1 (stored), v1\n"
        "│          from 0.1.0\n"
        "└── 0.1.0  2026-11-24  v1alpha1 (stored)\n"
        "           new installations\n"
    )


def test_the_tree_says_whom_olm_leads_nobody_to(stable: History) -> None:
    newest = replace(stable.newest, replaces="0.2.0", skips=("0.3.0",), skip_range="")
    (line,) = [
        line
        for line in tree(replace(stable, releases=(*stable.releases[:3], newest))).splitlines()
        if "skipped" in line
    ]
    assert line.startswith("├── 0.3.0")
    assert line.endswith("skipped, no upgrade path with OLM v0")


def test_mermaid_has_an_arrow_for_each_way_between_boxes_that_are_there(history: History) -> None:
    text = mermaid(history)
    boxes = set(re.findall(r"^    (\w+)\[", text, re.MULTILINE))
    arrows = re.findall(r"^  (\w+) (==>|-\. \w+ \.->) (\w+)$", text, re.MULTILINE)
    assert len(boxes) == 8
    assert len(arrows) == 8
    assert {end for source, _, target in arrows for end in (source, target)} <= boxes
    assert sum("skipRange" in by for _, by, _ in arrows) == 2


def test_the_drawing_is_xml_with_every_release_and_way_inside_its_frame(stable: History) -> None:
    root = ElementTree.fromstring(svg(stable))
    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    frame, *boxes = root.iter(f"{SVG}rect")
    assert frame.attrib["width"] == str(width)
    assert len(boxes) == 4
    for box in boxes:
        assert 0 <= int(box.attrib["x"]) <= width - int(box.attrib["width"])
        assert 0 <= int(box.attrib["y"]) <= height - int(box.attrib["height"])
    assert [box.attrib["class"] for box in boxes] == ["box head", "box deprecated", "box", "box"]
    drawn = [one.attrib["class"] for one in root.iter(f"{SVG}path") if "class" in one.attrib]
    assert sorted(drawn) == ["way", "way", "way", "way skip"]
    texts = "|".join(one.text or "" for one in root.iter(f"{SVG}text"))
    assert '|deprecated: it is <slow> & says "no"|' in f"|{texts}|"


def test_many_releases_are_a_drawing_that_fits_a_page(history: History) -> None:
    versions = [f"1.{minor}.0" for minor in range(80)]
    base = replace(history.newest, channels=("stable",), replaces="", skip_range="")
    releases = [
        replace(base, version=one, replaces=below, skip_range=f">=1.0.0 <{one}")
        for below, one in zip(["", *versions], versions, strict=False)
    ]
    found = replace(history, channels=("stable",), releases=tuple(releases))
    root = ElementTree.fromstring(svg(found))
    assert int(root.attrib["width"]) < 700
    assert int(root.attrib["height"]) < 3200
    texts = [one.text or "" for one in root.iter(f"{SVG}text")]
    assert any(one.startswith("78 by skipRange >=1.0.0") for one in texts)
    # Of the first ones, from which few come, the ways are drawn.
    drawn = [one.attrib["class"] for one in root.iter(f"{SVG}path") if "class" in one.attrib]
    assert (drawn.count("way"), drawn.count("way skip")) == (79, 0 + 1 + 2 + 3)
    assert "from 1.78.0, 78 by skipRange >=1.0.0 <1.79.0" in tree(found)


def test_the_same_history_is_the_same_bytes(history: History) -> None:
    assert svg(history) == svg(replace(history))
