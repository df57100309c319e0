"""The steps of a release, each for itself: changelog, numbers, history, rules, signature."""

import datetime
import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from kopfkit.errors import KopfkitError
from kopfkit.packaging import historyentry, historyfile
from kopfkit.packaging.bundle import manifests
from kopfkit.packaging.editions import edition
from kopfkit.packaging.releases import History, Release
from kopfkit.project import Project
from kopfkit.releasing import changelog, community, graph, materials, numbers, rules, signing

DAY = datetime.date(2027, 1, 2)
DIGEST = "sha256:" + "1" * 64


def above(history: History) -> str:
    major, minor, _ = history.newest.version.split(".")
    return f"{major}.{int(minor) + 1}.0"


# The changelog.


def checkout(tmp_path: Path, **fragments: str) -> Path:
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "changelog.d" / "README.md").write_text("How to.\n")
    for name, text in fragments.items():
        (tmp_path / "changelog.d" / f"{name}.md").write_text(text)
    return tmp_path


def test_the_changelog_gets_a_section_above_the_older_ones(tmp_path: Path) -> None:
    root = checkout(tmp_path, b="Second.\nMore of it.\n", a="First.\n")
    first = changelog.text("", "1.0.0", DAY, changelog.fragments(root))
    assert "## 1.0.0 (2027-01-02)\n\n- First.\n- Second.\n  More of it.\n" in first
    second = changelog.text(first, "1.1.0", DAY, [changelog.Change("x", "Third.")])
    assert second.index("## 1.1.0") < second.index("## 1.0.0")
    assert changelog.of(second, "1.1.0") == "- Third."
    assert changelog.of(second, "1.0.0").startswith("- First.")


def test_a_release_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KopfkitError, match="no fragment"):
        changelog.text("", "1.0.0", DAY, changelog.fragments(checkout(tmp_path)))


def test_an_empty_fragment_is_named(tmp_path: Path) -> None:
    with pytest.raises(KopfkitError, match=r"changelog.d/begun.md: is empty"):
        changelog.fragments(checkout(tmp_path, begun="\n"))


def test_new_fragments_do_not_slip_into_a_section_that_is_out(tmp_path: Path) -> None:
    before = changelog.text("", "1.0.0", DAY, [changelog.Change("x", "First.")])
    with pytest.raises(KopfkitError, match="new fragments"):
        changelog.text(before, "1.0.0", DAY, [changelog.Change("y", "Late.")])


# Version numbers.


def test_only_the_version_of_the_project_itself_changes(tmp_path: Path) -> None:
    other = '[tool.kopfkit]\nversion = "0.4.0"\n'
    path, package = tmp_path / "pyproject.toml", tmp_path / "store"
    project = '[project]\nname = "store"\ndependencies = [\n    "a",\n]\nversion = "1.0.0"\n\n'
    path.write_text(f"{other}\n{project}[tool.x]\nversion = 'y'\n")
    assert numbers.bumped(tmp_path, "1.1.0") == {
        "pyproject.toml": path.read_text().replace("1.0.0", "1.1.0")
    }
    package.mkdir()
    (package / "__init__.py").write_text('__version__ = "1.0.0"\n')
    wheel = '[tool.hatch.build.targets.wheel]\npackages = ["store"]\n'
    path.write_text(f'[project]\nname = "store"\ndynamic = ["version"]\n\n{wheel}\n{other}')
    assert [*numbers.bumped(tmp_path, "1.1.0")] == ["store/__init__.py"]


def test_the_version_changes_wherever_it_stands_and_nothing_else_does() -> None:
    root = Path(__file__).parents[3]
    texts = numbers.bumped(root, "9.8.7")
    assert set(texts) == {
        "pyproject.toml",
        "kopfkit/pyproject.toml",
        "kopfkit-sdk/pyproject.toml",
        "operator/helloworld_operator/__init__.py",
    }
    for path, text in texts.items():
        before = (root / path).read_text("utf-8").splitlines()
        changed = [new for old, new in zip(before, text.splitlines(), strict=True) if old != new]
        assert len(changed) == (2 if path == "kopfkit-sdk/pyproject.toml" else 1), path
        assert all("9.8.7" in line for line in changed)
    assert tomllib.loads(texts["pyproject.toml"])["project"]["version"] == "9.8.7"
    sdk = tomllib.loads(texts["kopfkit-sdk/pyproject.toml"])["project"]
    assert "kopfkit[controller,kubeconfig]==9.8.7" in sdk["dependencies"]


# The history.


def test_an_entry_is_added_and_later_gets_its_images(
    project: Project, history: History, history_text: str
) -> None:
    release, new = rules.release(history, rules.Wanted(above(history)), DAY)
    assert new
    text = historyentry.with_entry(history_text, release)
    assert text.startswith(history_text.rstrip("\n"))
    images = {kind: f"example.com/op-{kind}@{DIGEST}" for kind in ("operator", "bundle")}
    found = historyfile.parse(project, historyentry.with_images(text, release.version, images))
    assert found.newest == replace(release, images=images, known=found.newest.known)
    assert found.newest.images == images


def test_images_go_into_the_entry_in_the_middle_too(
    project: Project, history: History, history_text: str
) -> None:
    one = history.releases[0]
    images = {"operator": f"example.com/op@{DIGEST}"}
    text = historyentry.with_images(history_text, one.version, images)
    found = historyfile.parse(project, text)
    assert found.releases[0].images == images
    assert [each.images for each in found.releases[1:]] == [
        each.images for each in history.releases[1:]
    ]
    assert text.count("#") == history_text.count("#")


# What must not be released.


def test_a_version_is_released_once(history: History) -> None:
    with pytest.raises(KopfkitError, match="is in the history already"):
        rules.release(history, rules.Wanted(history.releases[0].version), DAY)


def test_a_release_below_the_newest_is_refused(history: History) -> None:
    with pytest.raises(KopfkitError, match="nobody would be offered it"):
        rules.release(history, rules.Wanted("0.0.1"), DAY)


@pytest.mark.parametrize("version", ["1", "v1.0.0", "1.0.0+build", "../../etc"])
def test_what_is_no_version_is_refused(history: History, version: str) -> None:
    with pytest.raises(KopfkitError, match="VERSION"):
        rules.release(history, rules.Wanted(version), DAY)


def released(project: Project, history: History, text: str, new: Release) -> History:
    """The history with one more release, as the file has it then; KopfkitError if it is refused."""
    after = historyfile.parse(project, historyentry.with_entry(text, new))
    graph.check(project, after)
    return after


def test_a_version_that_the_newest_release_deprecates_may_stop_being_served(
    project: Project, history: History, history_text: str
) -> None:
    release, _ = rules.release(history, rules.Wanted(above(history)), DAY)
    new = replace(release, served=("v1",), stored="v1", deprecated_versions=())
    after = released(project, history, history_text, new)
    (kind, *_) = edition(project, after.newest).resources
    # What some cluster may still store stays in the CRD, and somebody reads it.
    assert {each.name: each.served for each in kind.versions} == {"v1alpha1": False, "v1": True}
    assert edition(project, after.newest).conversion is not None


@pytest.mark.parametrize("skips", ["", ">=0.2.0 <9.0.0"])
def test_a_version_that_some_way_is_not_warned_of_must_be_served(
    project: Project, history: History, history_text: str, skips: str
) -> None:
    release, _ = rules.release(history, rules.Wanted(above(history), skip_range=skips), DAY)
    gone = "v1alpha1" if skips else "v1"
    kept = "v1" if skips else "v1alpha1"
    new = replace(release, served=(kept,), stored=kept, deprecated_versions=())
    with pytest.raises(KopfkitError, match=f"does not serve {gone}, which .* serves without a"):
        released(project, history, history_text, new)


def test_a_release_that_strands_users_is_refused(
    project: Project, history: History, history_text: str
) -> None:
    release, _ = rules.release(history, rules.Wanted(above(history)), DAY)
    text = historyentry.with_entry(history_text, replace(release, replaces=""))
    with pytest.raises(KopfkitError) as refused:
        graph.check(project, historyfile.parse(project, text))
    assert release.version in str(refused.value)
    assert history.newest.version in str(refused.value)


# Signatures.


def test_a_signature_holds_for_its_key_and_no_other(tmp_path: Path) -> None:
    private, public = signing.new_key(b"secret")
    (tmp_path / "key").write_bytes(private)
    (tmp_path / "key.pub").write_bytes(public)
    (tmp_path / "other.pub").write_bytes(signing.new_key(None)[1])
    statement = b'{"a":1}'
    envelope = signing.envelope(statement, signing.private_key(tmp_path / "key", b"secret"))
    assert signing.opened(envelope, signing.public_key(tmp_path / "key.pub")) == {"a": 1}
    with pytest.raises(KopfkitError, match="not by this key"):
        signing.opened(envelope, signing.public_key(tmp_path / "other.pub"))


@pytest.mark.parametrize("passphrase", [None, b"wrong"])
def test_a_key_opens_with_its_passphrase_only(tmp_path: Path, passphrase: bytes | None) -> None:
    (tmp_path / "key").write_bytes(signing.new_key(b"secret")[0])
    with pytest.raises(KopfkitError, match="cannot be used"):
        signing.private_key(tmp_path / "key", passphrase)


def test_a_key_on_p256_signs_too_and_a_change_is_noticed() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    envelope = signing.envelope(b'{"a":1}', key)
    assert signing.opened(envelope, key.public_key()) == {"a": 1}
    changed = json.loads(envelope)
    changed["payload"] = "eyJhIjoyfQ=="
    with pytest.raises(KopfkitError, match="was changed"):
        signing.opened(json.dumps(changed).encode(), key.public_key())


def test_one_good_signature_is_enough_and_none_is_too_few() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    envelope = json.loads(signing.envelope(b'{"a":1}', key))
    good = envelope["signatures"]
    other = json.loads(signing.envelope(b'{"a":1}', ec.generate_private_key(ec.SECP256R1())))
    envelope["signatures"] = other["signatures"] + good
    assert signing.opened(json.dumps(envelope).encode(), key.public_key()) == {"a": 1}
    envelope["signatures"] = []
    with pytest.raises(KopfkitError, match="not by this key"):
        signing.opened(json.dumps(envelope).encode(), key.public_key())


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import x25519

    pem = x25519.X25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "key").write_bytes(pem)
    with pytest.raises(KopfkitError, match="neither Ed25519 nor ECDSA"):
        signing.private_key(tmp_path / "key", None)


# What is published beside the images.


def bill() -> str:
    return materials.bill(
        name="op", version="1.0.0", license="Apache-2.0", date=DAY,
        images={"operator": DIGEST}, bases=[f"example.com/python@{DIGEST}"],
        python=[
            materials.Package("aiohttp", "3.1", "Apache-2.0 AND MIT", spdx=True),
            materials.Package("a_b", "1", "The License"),
            materials.Package("c", "1"),
        ],
        debian=["libssl3_3.0.1", "zlib1g_1%3a1.2"],
    )  # fmt: skip


def test_the_bill_of_materials_is_valid_cyclonedx_and_the_same_twice() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill()) is None
    assert bill() == bill()
    listed = {one.get("purl") for one in json.loads(bill())["components"]}
    assert {"pkg:pypi/a-b@1", "pkg:deb/debian/libssl3@3.0.1"} <= listed


def csv(project: Project, history: History) -> dict[str, Any]:
    found = manifests(project, history.newest, f"example.com/me/op@{DIGEST}")
    return dict(found[f"{project.name}.clusterserviceversion.yaml"])


def test_the_csv_passes_the_checks_of_community_operators(
    project: Project, history: History
) -> None:
    assert community.faults(project, history.newest, csv(project, history)).found == []


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("metadata", "annotations", "capabilities"), "Great", "annotations.capabilities"),
        (("metadata", "annotations", "categories"), "Toys", "annotations.categories"),
        (("metadata", "annotations", "containerImage"), "op", "annotations.containerImage"),
        (("metadata", "annotations", "createdAt"), "today", "annotations.createdAt"),
        (("metadata", "name"), "op", "metadata.name"),
        (("spec", "icon"), [{"mediatype": "text/plain"}], "spec.icon"),
        (("spec", "maintainers"), [{"name": "x"}], "spec.maintainers"),
        (("spec", "links"), None, "spec.links"),
    ],
)
def test_what_community_operators_would_refuse_is_named(
    project: Project, history: History, place: tuple[str, ...], value: object, named: str
) -> None:
    found = json.loads(json.dumps(csv(project, history), default=str))
    where = found
    for key in place[:-1]:
        where = where[key]
    where[place[-1]] = value
    faults = community.faults(project, history.newest, found)
    assert [one for one, _ in faults.found] == [named]


def test_a_history_that_is_not_utf8_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "releases.yaml"
    path.write_text("releases: []\n", "utf-16")
    with pytest.raises(KopfkitError, match="is not UTF-8"):
        historyentry.text_of(path)
