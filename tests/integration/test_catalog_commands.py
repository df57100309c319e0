"""The catalog's history is kept, templates are understood, and the prover agrees with opm."""

import dataclasses
import datetime
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from frozen import HISTORY
from helloworld_operator.project import PROJECT
from kopfkit import yamls
from kopfkit.packaging import catalog, prover
from kopfkit.packaging.releases import History, Release
from kopfkit.toolchain import toolchain

BUNDLE = "localhost:5001/helloworld-operator-bundle"
DIGEST = f"{BUNDLE}@sha256:{'7' * 64}"


@pytest.fixture
def checkout(tmp_path: Path, frozen_checkout: Path) -> Path:
    """A checkout of one's own: what the commands read and write."""
    return Path(shutil.copytree(frozen_checkout, tmp_path / "checkout"))


def kopfkit(checkout: Path, *words: str, fails: bool = False) -> str:
    """Runs `kopfkit catalog WORDS`; what it prints, or says of its failure."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("kopfkit")), "catalog", *words],
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


def entry(checkout: Path, version: str) -> Any:
    """The bundle of a version in the generated catalog."""
    text = (checkout / "catalog/helloworld-operator/catalog.yaml").read_text()
    name = f"helloworld-operator.v{version}"
    found = [one for one in yamls.load_all(text) if one["schema"] == "olm.bundle"]
    return next(one for one in found if one["name"] == name)


def test_a_published_bundle_stays_in_the_catalog_as_it_is(checkout: Path) -> None:
    kopfkit(checkout, "add", "bundle", "--bundle-img", DIGEST)
    kopfkit(checkout, "generate")

    kept = entry(checkout, "0.4.0")
    assert kept["image"] == DIGEST
    assert "olm.csv.metadata" in [one["type"] for one in kept["properties"]]
    kopfkit(checkout, "generate", "--check")
    kopfkit(checkout, "validate")
    # Another image for the newest release changes nothing about what is published.
    kopfkit(checkout, "generate", "--bundle-img", f"{BUNDLE}:other")
    assert entry(checkout, "0.4.0") == kept
    # The same once more is fine, something else is not.
    kopfkit(checkout, "add", "bundle", "--bundle-img", DIGEST)
    said = kopfkit(checkout, "add", "bundle", "--bundle-img", f"{BUNDLE}:other", fails=True)
    assert "is kept in catalog/published/helloworld-operator.v0.4.0.yaml already" in said


@pytest.mark.parametrize(
    ("change", "words", "why"),
    [
        ("", ["bundle"], "names no bundle image"),
        ("", ["nothing"], "is neither a file, nor a directory, nor an image"),
        ("", ["localhost:1/x:v1"], "cannot be read"),
        ("version: 0.4.0", ["bundle", "--bundle-img", DIGEST], "version 0.4.0: is not in"),
        ("stored: v1\n", ["bundle", "--bundle-img", DIGEST], "catalog/releases.yaml says"),
    ],
    ids=["no image", "nothing there", "no registry", "no entry", "serves something else"],
)
def test_a_bundle_that_is_not_what_the_history_says_is_refused(
    checkout: Path, change: str, words: list[str], why: str
) -> None:
    history = checkout / "catalog/releases.yaml"
    text = history.read_text()
    if change.startswith("version"):
        text = text.replace("version: 0.4.0", "version: 0.4.1").replace("<0.4.0", "<0.4.1")
    elif change:
        head, tail = text.split("version: 0.4.0")
        tail = tail.replace("served: [v1alpha1, v1]", "served: [v1]")
        text = f"{head}version: 0.4.0{tail.replace('deprecatedVersions: [v1alpha1]', '')}"
    history.write_text(text)

    said = kopfkit(checkout, "add", *words, fails=True)

    assert why in said
    assert not (checkout / "catalog/published").exists()


def test_a_graph_on_which_somebody_is_lost_is_not_written(checkout: Path) -> None:
    history = checkout / "catalog/releases.yaml"
    history.write_text(history.read_text().replace(">=0.2.0 <0.4.0", ">=0.1.0 <0.4.0"))
    before = (checkout / "catalog/helloworld-operator/catalog.yaml").read_text()

    said = kopfkit(checkout, "generate", fails=True)

    assert "0.1.0 -> 0.4.0: stores v1, which 0.1.0 does not serve" in said
    assert "take 0.1.0 out of the skipRange of 0.4.0" in said
    assert (checkout / "catalog/helloworld-operator/catalog.yaml").read_text() == before


def deprecate(checkout: Path, version: str) -> None:
    history = checkout / "catalog/releases.yaml"
    entry = f"  - version: {version}\n"
    text = history.read_text()
    assert entry in text
    history.write_text(text.replace(entry, f"{entry}    deprecation: Has a bug; use 0.4.0.\n"))


def test_a_deprecation_on_which_somebody_would_wait_for_ever_is_refused(checkout: Path) -> None:
    deprecate(checkout, "0.2.0")
    said = kopfkit(checkout, "generate", fails=True)
    assert "users on 0.1.0 are stuck: OLM v1 has no upgrade path from 0.1.0" in said


def test_a_deprecation_is_in_the_catalog_and_opm_takes_it(checkout: Path) -> None:
    deprecate(checkout, "0.3.0")

    kopfkit(checkout, "generate")

    text = (checkout / "catalog/helloworld-operator/catalog.yaml").read_text()
    (told,) = [one for one in yamls.load_all(text) if one["schema"] == "olm.deprecations"]
    assert told["entries"] == [
        {
            "reference": {"schema": "olm.bundle", "name": "helloworld-operator.v0.3.0"},
            "message": "Has a bug; use 0.4.0.",
        }
    ]
    kopfkit(checkout, "validate")


def test_opms_basic_template_is_rendered(checkout: Path) -> None:
    text = (checkout / "catalog/helloworld-operator/catalog.yaml").read_text()
    # Its bundles are images that opm would pull.
    parts = [one for one in yamls.load_all(text) if one["schema"] != "olm.bundle"]
    template = checkout / "template.yaml"
    template.write_text(yamls.dump({"schema": "olm.template.basic", "entries": parts}))

    shown = kopfkit(checkout, "render", "template.yaml")

    assert [one["schema"] for one in yamls.load_all(shown)] == [one["schema"] for one in parts]


def test_what_is_no_template_is_named(checkout: Path) -> None:
    said = kopfkit(checkout, "render", "pyproject.toml", fails=True)
    assert "pyproject.toml:2: is not YAML" in said
    said = kopfkit(checkout, "render", "catalog/releases.yaml", fails=True)
    assert "catalog/releases.yaml: is not a template of opm's" in said


DAY = datetime.date(2026, 1, 1)


@st.composite
def graphs(draw: st.DrawFn) -> History:
    """Three to five releases with edges at random, all with the same API versions."""
    versions = [f"0.{minor}.0" for minor in range(1, draw(st.integers(3, 5)) + 1)]
    made: list[Release] = []
    for index, version in enumerate(versions):
        earlier = versions[:index]
        made.append(
            dataclasses.replace(
                HISTORY.newest,
                version=version,
                date=DAY,
                channels=("stable",),
                replaces=draw(st.sampled_from([*earlier[-1:], *earlier, ""])),
                skips=tuple(draw(st.sets(st.sampled_from(earlier), max_size=2))) if earlier else (),
                skip_range=draw(st.sampled_from(["", f"<{version}", "x<1"])),
            )
        )
    return History(PROJECT.name, "stable", ("stable",), tuple(made))


@budget(ci=12, soak=200)
@given(graphs())
def test_what_opm_refuses_the_prover_refuses_too(tmp_path: Path, found: History) -> None:
    images = {
        one.version: (f"example.com/op:v{one.version}", f"example.com/b:v{one.version}")
        for one in found.releases
    }
    directory = tmp_path / "catalog"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    proved = not prover.prove(PROJECT, found).found
    if not proved and any(one.skip_range == "x<1" for one in found.releases):
        return  # a range that cannot be read; opm does not look
    tree = catalog.catalog_tree(PROJECT, found, images)
    (directory / "catalog.yaml").write_text(tree["catalog.yaml"])
    done = subprocess.run(
        [toolchain.tool("opm"), "validate", directory], capture_output=True, text=True
    )
    if done.returncode:
        assert not proved, done.stderr
