"""A published catalog becomes a releases.yaml from which the same catalog is generated."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from tests.budgets import budget
from tests.listings import VERSIONS, bundle_name, catalog, listings

import frozen
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.packaging import historyfile, releases
from kopfkit.packaging.catalog import channels
from kopfkit.packaging.catalogs import packages
from kopfkit.packaging.catalogs.importing import graph_of, imported
from kopfkit.packaging.catalogs.reading import of_documents
from kopfkit.packaging.editions import edition
from kopfkit.packaging.historyfile import parse
from kopfkit.packaging.prover import prove
from kopfkit.packaging.releases import History
from kopfkit.project import Project

Object = dict[str, Any]


def run(*words: str) -> str:
    done = CliRunner().invoke(kopfkit, words)
    if done.exception is not None:
        raise done.exception
    return done.output


def documents_of(place: Path) -> list[Any]:
    return yamls.read_all(place / "catalog/helloworld-operator/catalog.yaml")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of the operator without a history."""
    place = tmp_path / "checkout"
    frozen.write_sources(place)
    (place / releases.NAME).unlink()
    monkeypatch.chdir(place)
    return place


def test_our_catalog_is_imported_and_generated_again(
    checkout: Path, frozen_checkout: Path, history: History
) -> None:
    said = run("catalog", "import", str(frozen_checkout / "catalog"))
    assert said.startswith(f"{checkout / releases.NAME}: 4 releases in 2 channels\n")
    assert "of 4 releases the most mature one is written" in said
    run("catalog", "generate")
    assert documents_of(checkout) == documents_of(frozen_checkout)
    # What a release prepares stands below, in the same style.
    text = (checkout / releases.NAME).read_text("utf-8")
    assert "\n  - version: 0.4.0\n    date: 2026-11-25\n    channels: [candidate, stable]\n" in text


def test_a_history_that_is_there_is_not_replaced(checkout: Path, frozen_checkout: Path) -> None:
    (checkout / releases.NAME).write_text("# mine\n", "utf-8")
    with pytest.raises(KopfkitError):
        run("catalog", "import", str(frozen_checkout / "catalog"))
    assert (checkout / releases.NAME).read_text("utf-8") == "# mine\n"
    run("catalog", "import", str(frozen_checkout / "catalog"), "--overwrite")
    assert "helloworld-operator" in (checkout / releases.NAME).read_text("utf-8")


def test_what_the_bundles_store_is_read_where_they_are_at_hand(
    checkout: Path, frozen_checkout: Path, tmp_path: Path
) -> None:
    package = tmp_path / "operators" / "helloworld-operator"
    shutil.copytree(frozen_checkout / "bundle", package / "0.4.0")
    said = run("catalog", "import", str(package))
    assert "most mature" not in said
    assert "1 bundles have no image here" in said
    (entry,) = yamls.read(checkout / releases.NAME)["releases"]
    assert (entry["served"], entry["stored"]) == (["v1"], "v1") or entry["crds"]
    assert entry["skipRange"] == ">=0.2.0 <0.4.0"


def test_a_catalog_with_objects_says_what_is_stored_and_is_migrated(
    checkout: Path, frozen_checkout: Path, tmp_path: Path
) -> None:
    documents = documents_of(frozen_checkout)
    for document in documents:
        if document["name"] == "helloworld-operator.v0.4.0":
            kept = [one for one in document["properties"] if one["type"] != "olm.csv.metadata"]
            for file in sorted((frozen_checkout / "bundle/manifests").iterdir()):
                data = base64.b64encode(json.dumps(yamls.read(file)).encode()).decode()
                kept.append({"type": "olm.bundle.object", "value": {"data": data}})
            document["properties"] = kept
    (tmp_path / "old.yaml").write_text(yamls.dump(*documents), "utf-8")
    assert "of 3 releases" in run("catalog", "import", str(tmp_path / "old.yaml"))
    run("catalog", "generate")
    assert documents_of(checkout) == documents_of(frozen_checkout)


def test_a_catalog_that_opm_refuses_is_not_imported(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(yamls.dump(*catalog(["1.0.0"], {"a": []})), "utf-8")
    with pytest.raises(
        KopfkitError, match=r"opm rejects such a catalog; run kopfkit catalog validate"
    ):
        run("catalog", "import", str(tmp_path / "bad.yaml"))
    assert not (checkout / releases.NAME).exists()


@budget(ci=60, soak=3000)
@given(listings())
def test_any_graph_can_be_said(listed: dict[str, list[Object]]) -> None:
    used = {entry["name"] for entries in listed.values() for entry in entries}
    versions = [one for one in VERSIONS if bundle_name(one) in used]
    blobs, _ = of_documents("shop", catalog(versions, listed), whole=True)
    found = imported(packages(blobs)[0]["shop"])
    again = historyfile.read(found.text)
    written = {
        one["name"]: {entry["name"]: entry for entry in one["entries"]} for one in channels(again)
    }
    assert written == {
        channel: {entry["name"]: entry for entry in entries} for channel, entries in listed.items()
    }
    assert graph_of(again)["default"] == next(iter(listed))


HISTORY = """\
package: helloworld-operator
defaultChannel: stable
channels: [candidate, stable]
releases:
  - {{version: 0.1.0, date: 2026-01-01, channels: [stable], served: [v1alpha1], stored: v1alpha1}}
  - version: 0.2.0
    date: 2026-01-02
    channels: [candidate, stable]
    replaces: 0.1.0
    served: [v1alpha1, v1]
    stored: v1alpha1
    {more}
"""


def test_a_channel_may_have_other_edges_and_a_bundle_another_name(project: Project) -> None:
    more = "name: hello-2\n    edges: {candidate: {skips: [old.v0.0.1]}}"
    found = parse(project, HISTORY.format(more=more))
    entries = {one["name"]: one["entries"] for one in channels(found)}
    assert entries["candidate"] == [{"name": "hello-2", "skips": ["old.v0.0.1"]}]
    assert entries["stable"][1] == {"name": "hello-2", "replaces": "helloworld-operator.v0.1.0"}


def test_a_release_may_be_named_by_its_bundle(project: Project) -> None:
    text = HISTORY.format(more="").replace(
        "replaces: 0.1.0", "replaces: helloworld-operator.v0.1.0"
    )
    assert parse(project, text).newest.replaces == "0.1.0"


def test_a_crd_may_have_other_versions(project: Project) -> None:
    crd = "helloworldsnapshots.test.jiaozi.com"
    for said, wanted in (("{served: [v1], stored: v1}", ["v1"]), ("{served: []}", [])):
        found = parse(project, HISTORY.format(more=f"crds: {{{crd}: {said}}}"))
        resources = {one.crd_name: one for one in edition(project, found.newest).resources}
        versions = resources[crd].versions if crd in resources else ()
        assert [one.name for one in versions if one.served] == wanted
        assert len(resources["helloworlds.test.jiaozi.com"].versions) == 2


def test_a_fault_of_the_graph_stays_where_it_is_accepted(project: Project) -> None:
    text = HISTORY.format(more="").replace("    replaces: 0.1.0\n", "    skipRange: '<0.2.0'\n")
    text = text.replace("channels: [stable], served", "channels: [candidate], served")
    text = text.replace("channels: [candidate, stable]\n    skip", "channels: [stable]\n    skip")
    found = prove(project, parse(project, text)).found
    places = {place for place, _ in found}
    assert places == set(), found
    alone = text.replace("    skipRange: '<0.2.0'\n", "")
    faults = {place for place, _ in prove(project, parse(project, alone)).found}
    assert faults == {"channel stable", "all channels"}
    accepted = 'accepted: ["channel stable: graph-no-way", "all channels: graph-no-way"]\n'
    assert prove(project, parse(project, accepted + alone)).found == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("edges: {fast: {}}", "releases[1].edges.fast: is not a channel of the release"),
        ("edges: {stable: {after: 0.1.0}}", "releases[1].edges.stable.after: is unknown"),
        ("edges: {stable: [0.1.0]}", "is not a mapping"),
        ("edges: {stable: {replaces: 0.0.7}}", "replaces 0.0.7, which is not an earlier release"),
        ("edges: {stable: {skips: [0.3.0]}}", "replaces or skips 0.3.0, which is not older"),
        ("skips: ['a b']", "'a b' is neither a version nor a bundle's name"),
        ("name: ../../etc", "is not a bundle's name"),
        ("crds: {x: {served: [v1], stored: v2}}", "'v2' is not among the served versions (v1)"),
        ("crds: {x: [v1]}", "is not a mapping"),
    ],
)
def test_what_an_entry_says_wrongly_is_told(project: Project, more: str, why: str) -> None:
    with pytest.raises(KopfkitError) as caught:
        parse(project, HISTORY.format(more=more))
    assert why in str(caught.value)


def test_what_opm_refuses_cannot_be_accepted(project: Project) -> None:
    text = 'accepted: ["channel stable: graph-heads"]\n' + HISTORY.format(more="")
    with pytest.raises(KopfkitError, match="does not end in one of channel-spelling"):
        parse(project, text)


def test_what_a_release_serves_no_more_is_not_generated(project: Project, checkout: Path) -> None:
    text = HISTORY.format(more="").replace("served: [v1alpha1],", "served: [v0, v1alpha1],")
    (checkout / releases.NAME).write_text(text, "utf-8")
    with pytest.raises(KopfkitError, match="serves v0, which is no version of the API any more"):
        run("bundle", "generate", "--version", "0.1.0")
