"""The release history is refused whole, with every fault, when it would strand somebody."""

import datetime
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.packaging.historyfile import parse
from kopfkit.packaging.releases import History
from kopfkit.project import Project


def entry(version: str, **fields: Any) -> dict[str, Any]:
    return {
        "version": version,
        "date": "2026-01-01",
        "channels": ["stable"],
        "served": ["v1alpha1", "v1"],
        "stored": "v1",
        **fields,
    }


def text(*releases: dict[str, Any], **fields: Any) -> str:
    data = {
        "package": "helloworld-operator",
        "defaultChannel": "stable",
        "channels": ["stable"],
        "releases": list(releases),
        **fields,
    }
    return yamls.dump(data)


def test_a_history_of_two_releases_is_read(project: Project) -> None:
    history = parse(project, text(entry("0.1.0"), entry("0.2.0", replaces="0.1.0")))
    assert [release.version for release in history.releases] == ["0.1.0", "0.2.0"]
    assert history.newest.replaces == "0.1.0"


@pytest.mark.parametrize("day", ["2026-01-02", "'2026-01-02'", '"2026-01-02"'])
def test_a_day_is_one_quoted_or_not(project: Project, day: str) -> None:
    found = parse(project, text(entry("0.1.0")).replace("'2026-01-01'", day))
    assert found.newest.date == datetime.date(2026, 1, 2)


@pytest.mark.parametrize(
    "day", ["2026-01-02 10:00:00", "20260102", "2026-W01-2", "2026-13-01", "2026-1-2", "1767312000"]
)
def test_what_is_no_day_is_refused(project: Project, day: str) -> None:
    with pytest.raises(KopfkitError, match="is not a day such as"):
        parse(project, text(entry("0.1.0")).replace("'2026-01-01'", day))


def test_a_second_list_of_releases_is_refused(project: Project) -> None:
    twice = text(entry("0.1.0")) + "releases: []\n"
    line = len(twice.splitlines())
    with pytest.raises(KopfkitError, match=rf"releases\.yaml:{line}: the key 'releases' is there"):
        parse(project, twice)


def test_a_history_that_is_not_utf8_is_refused_with_its_line(project: Project) -> None:
    with pytest.raises(KopfkitError, match=r"releases\.yaml:2: is not text"):
        parse(project, b"package: x\nchannels: [\xe9]\n")


@pytest.mark.parametrize(
    ("releases", "why"),
    [
        ([entry("v0.1.0")], "leave the v out"),
        ([entry("0.1.0", date="soon")], "is not a day"),
        ([entry("0.1.0", channels=[])], "is empty"),
        ([entry("0.1.0", channels=["nightly"])], "is not in channels"),
        ([entry("0.1.0", stored="v2")], "is not among the served versions"),
        ([entry("0.1.0", served=["v9"], stored="v9")], "is not a version of the API"),
        ([entry("0.1.0", skip="0.0.9")], "is unknown"),
        ([entry("0.1.0"), entry("0.1.0", replaces="0.1.0")], "occurs twice"),
        ([entry("0.1.0", replaces="0.0.9")], "which is not an earlier release"),
        ([entry("0.2.0"), entry("0.1.0", replaces="0.2.0")], "which is not older"),
        ([entry("0.1.0", skips=["0.3.0"])], "which is not older"),
        ([entry("0.1.0", skips=["0.1.0"])], "which is not older"),
        ([], "at least one release"),
        (["0.1.0"], "is not a mapping"),
    ],
)
def test_a_wrong_history_is_refused(project: Project, releases: list[Any], why: str) -> None:
    with pytest.raises(KopfkitError, match=why):
        parse(project, text(*releases))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"package": "other"}, "is not the project's name"),
        ({"defaultChannel": "fast"}, "is not in channels"),
        ({"channels": ["stable", "fast"]}, "'fast' has no release"),
        ({"channels": ["Stable"]}, "is not a channel name"),
        ({"channels": "stable"}, "is not a list"),
        ({"extra": 1}, "is unknown"),
    ],
)
def test_a_wrong_head_is_refused(project: Project, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(KopfkitError, match=why):
        parse(project, text(entry("0.1.0"), **fields))


def test_all_faults_are_told_together(project: Project) -> None:
    with pytest.raises(KopfkitError, match="3 errors"):
        parse(project, text(entry("v1", date="soon", stored="v2")))


@pytest.mark.parametrize("broken", ["", "a: [", "- 1", "releases: 2026-99-99"])
def test_what_is_no_yaml_mapping_is_refused(project: Project, broken: str) -> None:
    with pytest.raises(KopfkitError):
        parse(project, broken)


@pytest.mark.parametrize(
    ("more", "place", "why"),
    [
        ("deprecatedVersions: [v1]", "deprecatedVersions", "'v1' is not served beside the stored"),
        ("deprecatedVersions: [v9]", "deprecatedVersions", "'v9' is not served beside the stored"),
        ("deprecation: 7", "deprecation", "7 is not a sentence"),
        ("images: here", "images", "'here' is not a mapping"),
        ("images: {catalog: 'a:b'}", "images.catalog", "is unknown; valid are bundle, operator"),
        ("images: {operator: 'quay.io/me/op:v1'}", "images.operator", "has no digest"),
    ],
)
def test_what_a_release_says_of_versions_and_images_is_checked(
    project: Project, more: str, place: str, why: str
) -> None:
    text = f"""
package: helloworld-operator
defaultChannel: stable
channels: [stable]
releases:
  - version: 0.1.0
    date: 2026-11-24
    channels: [stable]
    served: [v1alpha1, v1]
    stored: v1
    {more}
"""
    with pytest.raises(KopfkitError) as caught:
        parse(project, text)
    assert f"releases[0].{place}" in str(caught.value)
    assert why in str(caught.value)


def test_a_release_knows_the_versions_that_came_before_it(history: History) -> None:
    assert [one.known for one in history.releases[:2]] == [("v1alpha1",), ("v1alpha1", "v1")]
