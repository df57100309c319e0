"""Catalogs that somebody else wrote: every fault is found, at its file and line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.packaging.catalogs import judged, packages, read
from kopfkit.packaging.catalogs.sources import load, one_of
from kopfkit.packaging.checks import Finding
from kopfkit.packaging.ways import Edge, edges

Object = dict[str, Any]


def package(**more: Any) -> Object:
    return {"schema": "olm.package", "name": "shop", "defaultChannel": "stable", **more}


def channel(*entries: Any, name: str = "stable", **more: Any) -> Object:
    listed = [{"name": one} if isinstance(one, str) else one for one in entries]
    return {"schema": "olm.channel", "package": "shop", "name": name, "entries": listed, **more}


def bundle(name: str, version: str = "", **more: Any) -> Object:
    named = {"packageName": "shop", "version": version or name.rpartition(".v")[2]}
    gvk = {"group": "shop.example.com", "kind": "Till", "version": "v1"}
    properties = [{"type": "olm.package", "value": named}, {"type": "olm.gvk", "value": gvk}]
    found = {"schema": "olm.bundle", "name": name, "package": "shop", "image": "example.com/b:v1"}
    return {**found, "properties": properties, **more}


FIRST, SECOND = "shop.v1.0.0", "shop.v1.1.0"
GOOD = [
    package(),
    channel(FIRST, {"name": SECOND, "replaces": FIRST}),
    bundle(FIRST),
    bundle(SECOND),
]


def faults(place: Path, documents: list[Any]) -> list[Finding]:
    file = place / "catalog.yaml"
    file.write_text(yamls.dump(*documents), "utf-8")
    blobs, unread = read(place)
    found, wrong = packages(blobs)
    return [*unread, *wrong, *(one for each in found.values() for one in judged(each))]


def test_a_good_catalog_has_no_fault_and_is_a_graph(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD) == []
    history = one_of(load(tmp_path)[0], "", "").history
    assert edges(history, "stable") == [Edge("1.0.0", "1.1.0", "replaces")]
    assert history.newest.served == ("v1",)


def test_entries_may_differ_between_channels_and_names_may_be_any(tmp_path: Path) -> None:
    documents = [
        package(),
        channel("till-1", {"name": "till-2", "replaces": "till-1"}),
        channel("till-1", {"name": "till-2", "skipRange": "<2.0.0", "skips": ["till-1"]}, name="b"),
        bundle("till-1", "1.0.0"),
        bundle("till-2", "2.0.0"),
    ]
    assert faults(tmp_path, documents) == []
    history = one_of(load(tmp_path)[0], "shop", "").history
    assert edges(history, "stable") == [Edge("1.0.0", "2.0.0", "replaces")]
    assert edges(history, "b") == [Edge("1.0.0", "2.0.0", "skips")]
    assert [one.name("shop") for one in history.releases] == ["till-1", "till-2"]


OTHER = {**bundle(SECOND, "1.1.0"), "package": "other"}


@pytest.mark.parametrize(
    ("documents", "at", "rule", "why"),
    [
        ([{"name": "x"}, *GOOD], 0, "schema", "is missing"),
        ([["x"], *GOOD], 0, "wrong-type", "is not an object"),
        ([package(name=7), *GOOD[1:]], 0, "wrong-type", "is an integer"),
        ([package(name="Shop"), *GOOD], 0, "package-name", "'Shop' is not a DNS label"),
        ([*GOOD, package()], 4, "package-twice", "'shop' is in "),
        ([*GOOD, OTHER], 4, "package-absent", "is of package 'other', which is not here"),
        ([*GOOD, channel(FIRST)], 4, "channel-listed-twice", "'stable' is in "),
        ([*GOOD, channel(name="")], 4, "channel-name", "is missing"),
        ([*GOOD, channel(name="beta")], 4, "channel-empty", "channel beta has none"),
        ([*GOOD, bundle(FIRST)], 4, "bundle-twice", "'shop.v1.0.0' is in "),
        (
            [*GOOD, bundle("shop.v2.0.0")],
            4,
            "bundle-in-no-channel",
            "is in no channel",
        ),
        (
            [package(defaultChannel="fast"), *GOOD[1:]],
            0,
            "default-channel",
            "'fast' is not a channel",
        ),
        ([package()], 0, "no-channel", "shop has no channel"),
        ([*GOOD[:3]], 1, "entry-without-bundle", "shop.v1.1.0 has no olm.bundle"),
        (
            [*GOOD, channel("till", name="x"), bundle("till", "1.1.0")],
            5,
            "version-twice",
            "till has version 1.1.0, as shop.v1.1.0",
        ),
        (
            [*GOOD, channel("till", name="x"), bundle("till", "v2")],
            5,
            "bundle-version",
            "'v2' is not a semantic version",
        ),
        (
            [*GOOD, channel("till", name="x"), bundle("till", "2.0.0", properties=[])],
            5,
            "bundle-version",
            "has 0 properties olm.package",
        ),
        (
            [*GOOD[:2], bundle(FIRST, image="UPPER"), GOOD[3]],
            2,
            "image-reference",
            "'UPPER' is not an image reference",
        ),
        ([*GOOD[:3], bundle(SECOND, image="")], 3, "bundle-image", "shop.v1.1.0 names none"),
        (
            [package(), channel(FIRST, FIRST), bundle(FIRST)],
            1,
            "entry-twice",
            "is in channel stable twice",
        ),
        (
            [package(), channel({"name": FIRST, "skips": [""]}), bundle(FIRST)],
            1,
            "entry-skips",
            "has an empty name",
        ),
        (
            [package(), channel({"name": FIRST, "skipRange": "soon"}), bundle(FIRST)],
            1,
            "graph-skip-range",
            "'soon' is not a range",
        ),
        ([package(), channel(FIRST, SECOND), *GOOD[2:]], 1, "graph-heads", "has 2 heads"),
        (
            [package(), channel({"name": FIRST, "replaces": FIRST}), bundle(FIRST)],
            1,
            "graph-heads",
            "has no head",
        ),
        (
            [
                package(),
                channel(
                    {"name": FIRST, "replaces": SECOND},
                    {"name": SECOND, "replaces": FIRST},
                    {"name": "shop.v1.2.0", "replaces": SECOND},
                ),
                *GOOD[2:],
                bundle("shop.v1.2.0"),
            ],
            1,
            "graph-ring",
            "has a cycle of replaces (1.1.0 -> 1.0.0 -> 1.1.0)",
        ),
        (
            [
                package(),
                channel(
                    FIRST,
                    {"name": SECOND, "replaces": FIRST},
                    {"name": "shop.v1.2.0", "replaces": SECOND, "skips": [SECOND]},
                ),
                *GOOD[2:],
                bundle("shop.v1.2.0"),
            ],
            1,
            "graph-stranded",
            "to 1.0.0",
        ),
        (
            [package(), channel(FIRST, {"name": SECOND, "skipRange": "<1.1.0"}), *GOOD[2:]],
            1,
            "graph-heads",
            "has 2 heads",
        ),
        (
            [package(), channel({"name": FIRST, "replaces": SECOND}, SECOND), *GOOD[2:]],
            2,
            "graph-down",
            "makes 1.1.0 upgrade down to 1.0.0",
        ),
        (
            [*GOOD, {"schema": "olm.deprecations", "package": "shop", "entries": [{}]}],
            4,
            "deprecations",
            "cannot be deprecated",
        ),
    ],
)
def test_what_opm_refuses_is_told_with_its_line(
    tmp_path: Path, documents: list[Any], at: int, rule: str, why: str
) -> None:
    found = faults(tmp_path, documents)
    told = [(one.file.rpartition(":")[2], one.why) for one in found if one.rule == rule]
    assert told, found
    assert any(why in each for _, each in told), told
    line = 1 + sum(yamls.dump(one).count("\n") + 1 for one in documents[:at])
    assert str(line) in [each for each, _ in told]


def test_who_stays_behind_is_one_warning_for_a_channel(tmp_path: Path) -> None:
    names = [f"shop.v1.{minor}.0" for minor in range(9)]
    entries = [{"name": one} for one in names[:-1]]
    # opm takes it: a skipped release is no head. OLM v0 goes to the head, and v1 does, too.
    last = {"name": names[-1], "skips": names[:-2], "replaces": names[-2]}
    documents = [package(), channel(*entries, last), *map(bundle, names)]
    assert faults(tmp_path, documents) == []
    deprecation = {"reference": {"schema": "olm.bundle", "name": names[-1]}, "message": "no"}
    old = {"schema": "olm.deprecations", "package": "shop", "entries": [deprecation]}
    found = faults(tmp_path, [*documents, old])
    assert [one.rule for one in found] == ["graph-deprecated-head"] + ["graph-no-way"] * 3
    assert "from 7 of the 7 older releases; users stop at 1.8.0" in found[1].why


def test_a_broken_document_is_told_with_its_line_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("schema: olm.package\nname: [\n", "utf-8")
    (tmp_path / "b.json").write_text('{"schema": "x"}\n{"schema": \n', "utf-8")
    found = faults(tmp_path, GOOD)
    places = {(Path(one.file.rpartition(":")[0]).name, one.rule) for one in found}
    assert places == {("a.yaml", "unreadable"), ("b.json", "unreadable")}
    assert "shop" in load(tmp_path)[0]


def test_what_indexignore_names_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "old/kept").mkdir(parents=True)
    (tmp_path / "README.md").write_text("- [", "utf-8")
    (tmp_path / "old/x.yaml").write_text("- [", "utf-8")
    (tmp_path / "old/kept/notes.txt").write_text("- [", "utf-8")
    assert len(faults(tmp_path, GOOD)) == 3
    (tmp_path / ".indexignore").write_text("# no catalog\n*.md\n/old/*.yaml\nkept/\n", "utf-8")
    assert faults(tmp_path, GOOD) == []
    (tmp_path / ".indexignore").write_text("**/*.md\nold/*\n!x.yaml\n", "utf-8")
    assert [Path(one.file).name for one in faults(tmp_path, GOOD)] == ["x.yaml:2"]


def test_the_frozen_catalog_is_a_good_one(frozen_checkout: Path) -> None:
    found, wrong = load(frozen_checkout / "catalog")
    (only,) = found.values()
    assert [*wrong, *judged(only)] == []
    assert [one.version for one in only.history.releases] == ["0.1.0", "0.2.0", "0.3.0", "0.4.0"]


@pytest.fixture
def community(frozen_checkout: Path, tmp_path: Path) -> Path:
    """A package of a community-operators checkout with two versions."""
    place = tmp_path / "operators" / "helloworld-operator"
    for version, replaces in (("0.3.0", "0.2.0"), ("0.4.0", "0.3.0")):
        shutil.copytree(frozen_checkout / "bundle", place / version)
        (file,) = (place / version / "manifests").glob("*clusterserviceversion.yaml")
        csv = yamls.read(file)
        csv["metadata"]["name"] = f"helloworld-operator.v{version}"
        csv["spec"] |= {"version": version, "replaces": f"helloworld-operator.v{replaces}"}
        csv["metadata"]["annotations"].pop("olm.skipRange", None)
        file.write_text(yamls.dump(csv), "utf-8")
    return place


@pytest.mark.parametrize("mode", ["", "replaces-mode", "semver-mode", "semver-skippatch-mode"])
def test_a_package_of_a_community_checkout_is_a_catalog(community: Path, mode: str) -> None:
    if mode:
        (community / "ci.yaml").write_text(f"updateGraph: {mode}\n", "utf-8")
    found, wrong = load(community)
    (only,) = found.values()
    assert [*wrong, *judged(only)] == []
    assert edges(only.history, "stable") == [Edge("0.3.0", "0.4.0", "replaces")]
    below = only.history.releases[0].replaces
    assert below == ("" if mode.startswith("semver") else "helloworld-operator.v0.2.0")


def test_a_mode_that_there_is_not_is_one_message(community: Path) -> None:
    (community / "ci.yaml").write_text("updateGraph: best\n", "utf-8")
    with pytest.raises(KopfkitError, match="names updateGraph 'best'"):
        load(community)


def test_a_package_with_catalogs_of_its_own_is_read_from_the_newest(
    community: Path, tmp_path: Path
) -> None:
    (community / "ci.yaml").write_text("fbc: {enabled: true}\n", "utf-8")
    assert [one.version for one in one_of(load(community)[0], "", "").history.releases] == [
        "0.3.0",
        "0.4.0",
    ]
    for version, documents in (("v4.9", []), ("v4.18", GOOD)):
        place = tmp_path / "catalogs" / version / community.name
        place.mkdir(parents=True)
        faults(place, documents)
    assert list(load(community)[0]) == ["shop"]


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(kopfkit, words)
    error = done.exception
    if isinstance(error, KopfkitError):
        return 1, str(error)
    assert error is None or isinstance(error, SystemExit), done.exc_info
    return done.exit_code, done.output


def test_the_commands_need_no_project(
    community: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("catalog", "validate", "--no-opm", str(community)) == (
        0,
        "catalog: valid (kopfkit's checks)\n",
    )
    code, tree = run("catalog", "graph", str(community), "--channel", "stable")
    assert (code, tree.splitlines()[:2]) == (
        0,
        ["stable (default)", "├── 0.4.0  2026-11-25  v1, v1alpha1; head"],
    )
    code, told = run("catalog", "graph", str(community), "--channel", "fast")
    assert (code, "channel fast: is not in helloworld-operator" in told) == (1, True)


def test_a_catalog_with_a_fault_ends_with_1_and_warnings_do_not(tmp_path: Path) -> None:
    faults(tmp_path, [package(), channel(FIRST, SECOND), *GOOD[2:]])
    code, told = run("catalog", "validate", "--no-opm", str(tmp_path))
    assert code == 1
    assert f"error: {tmp_path}/catalog.yaml:5: shop, channel stable: has 2 heads" in told
    assert told.endswith("catalog: 1 error, 2 warnings (kopfkit's checks)\n")
    code, told = run("catalog", "validate", "--no-opm", "--fail-on=never", "--output=json",
                     str(tmp_path))  # fmt: skip
    assert code == 0
    assert {one["rule"] for one in json.loads(told)["findings"]} == {"graph-heads", "graph-no-way"}
    _, told = run("catalog", "validate", "--no-opm", "--output=sarif", str(tmp_path))
    places = [one["locations"][0] for one in json.loads(told)["runs"][0]["results"]]
    assert {
        "artifactLocation": {"uri": f"{tmp_path}/catalog.yaml"},
        "region": {"startLine": 5},
    } in [one["physicalLocation"] for one in places]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda place: None, "does not exist"),
        (lambda place: place.mkdir(), "is not a catalog: it is empty"),
        (lambda place: place.write_text("", "utf-8"), "is not a catalog: it is empty"),
    ],
)
def test_what_is_no_catalog_is_one_message(tmp_path: Path, make: Any, why: str) -> None:
    make(tmp_path / "there")
    for command in ("validate", "graph"):
        code, told = run("catalog", command, str(tmp_path / "there"))
        assert (code, why in told) == (1, True), told


def test_of_several_packages_one_has_to_be_named(tmp_path: Path) -> None:
    more = [{**one, "package": "mall"} for one in GOOD[1:3]]
    more[1]["properties"] = [
        {"type": "olm.package", "value": {"packageName": "mall", "version": "1.0.0"}}
    ]
    more[0]["entries"] = more[0]["entries"][:1]
    assert faults(tmp_path, [*GOOD, package(name="mall"), *more]) == []
    assert "has several packages (mall, shop)" in run("catalog", "graph", str(tmp_path))[1]
    assert run("catalog", "graph", str(tmp_path), "--package", "mall")[0] == 0
    assert "has no package till" in run("catalog", "graph", str(tmp_path), "--package", "till")[1]
