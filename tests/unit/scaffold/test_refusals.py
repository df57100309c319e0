"""What is refused is refused before anything is written, with a way out and no traceback."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.cli import main
from kopfkit.errors import KopfkitError
from kopfkit.packaging import writer
from kopfkit.project import Faults
from kopfkit.scaffold import operations
from kopfkit.scaffold.answers import replay
from kopfkit.scaffold.naming import check_api, check_domain, check_owner, check_project

from .conftest import ANSWERS, KIT, create, create_webhook, files


def refused(*words: str, capsys: pytest.CaptureFixture[str], code: int = 1) -> str:
    """Run a command that is refused; returns what it says."""
    with pytest.raises(SystemExit) as ended:
        main([*words])
    said = capsys.readouterr()
    assert ended.value.code == code, said
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--project-name", "Cache_Operator"], "'Cache_Operator' is not a DNS label"),
        (["--project-name", "3scale"], "is not a DNS label"),
        (["--project-name", "x" * 43], "is longer than 42"),
        (["--project-name", "class"], "would be a word of Python; try class-operator"),
        (["--project-name", "json"], "would be another module; try json-operator"),
        (["--project-name", "kopf"], "would be another module"),
        (["--domain", "example_org"], "is not a DNS name"),
        (["--domain", "k8s.io"], "belongs to Kubernetes"),
        (["--owner", "a\nb"], "is not a name"),
    ],
)
def test_init_refuses_names(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    fine = ["--domain", "example.org", "--project-name", "cache-operator"]
    assert why in refused("init", *fine, *words, capsys=capsys)
    assert files(tmp_path) == {}


def test_init_refuses_a_folder_that_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").write_text("mine")
    monkeypatch.chdir(tmp_path)
    said = refused("init", "--domain", "example.org", "--project-name", "x", capsys=capsys)
    assert "is not empty (notes)" in said
    assert "mkdir NAME && cd NAME" in said
    assert files(tmp_path) == {"notes": "mine"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--kind", "Backup"], "cache.example.org/v1alpha1 Backup: is not an API of this project"),
        (["--kind", "memcached"], "is not an API of this project, which has cache.example.org/v1"),
        (["--version", "v9"], "cache.example.org/v9 Memcached: is not an API of this project"),
        (["--group", "other"], "other.example.org/v1alpha1 Memcached: is not an API"),
        ([], "was told neither to default nor to validate"),
    ],
)
def test_create_webhook_refuses_what_is_not_there(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    why: str,
) -> None:
    monkeypatch.chdir(root)
    before = files(root)
    fine = ["--group", "cache", "--version", "v1alpha1", "--kind", "Memcached"]
    said = refused("create", "webhook", *fine, *words, capsys=capsys)
    assert why in said
    assert "hint: " in said
    assert files(root) == before


def test_create_webhook_refuses_a_second_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    create_webhook(root)
    monkeypatch.chdir(root)
    before = files(root)
    words = ("--group", "cache", "--version", "v1alpha1", "--kind", "Memcached", "--defaulting")
    said = refused("create", "webhook", *words, capsys=capsys)
    assert "has a webhook already" in said
    assert "cache_operator/memcached_webhook.py" in said
    assert files(root) == before


def test_init_takes_a_new_repository_for_empty(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    operations.init(tmp_path, ANSWERS, KIT).carry_out(tmp_path)
    assert files(tmp_path) == KIT.render(ANSWERS)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"group": "Cache"}, "'Cache' is not a DNS name"),
        ({"version": "1"}, "'1' is not like v1, v1beta1 or v1alpha1"),
        ({"kind": "memcached"}, "'memcached' is not in CamelCase"),
        ({"kind": "Mem-Cached"}, "is not in CamelCase"),
        ({"kind": "Öl"}, "is not in CamelCase"),
        ({"plural": "Caches", "kind": "Other"}, "'Caches' is not a DNS label"),
        ({}, "exists already (v1alpha1)"),
        ({"group": "else"}, "whose modules have the same names"),
        ({"kind": "MemCached", "version": "v1"}, "whose modules have the same names"),
    ],
)
def test_create_api_refuses_names(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: dict[str, str],
    why: str,
) -> None:
    monkeypatch.chdir(root)
    before = files(root)
    given = {"group": "cache", "version": "v1alpha1", "kind": "Memcached", **words}
    argv = [word for name, value in given.items() for word in (f"--{name}", value)]
    assert why in refused("create", "api", *argv, capsys=capsys)
    assert files(root) == before


@pytest.mark.parametrize("words", [["--domain", "a.org"], ["--project-name", "b"]])
def test_edit_refuses_what_is_installed_by_name(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(root)
    before = files(root)
    said = refused("edit", *words, capsys=capsys)
    assert "it can be changed before the first kopfkit create api" in said
    assert files(root) == before


def test_edit_refuses_what_somebody_changed_too(root: Path) -> None:
    project = root / "cache_operator/project.py"
    project.write_text(project.read_text().replace("The cache team", "We"))
    before = files(root)
    with pytest.raises(KopfkitError, match=r"you changed too: cache_operator/project\.py"):
        operations.edit(root, KIT, owner="Others")
    assert files(root) == before


def _repository(root: Path) -> None:
    for words in (["init", "--quiet"], ["add", "--all"], ["-c", "user.name=x", "-c",
                  "user.email=x@example.org", "commit", "--quiet", "--message", "x"]):  # fmt: skip
        subprocess.run(["git", *words], cwd=root, check=True)


def _edited(root: Path) -> None:
    _repository(root)
    (root / "README.md").write_text("mine")


def _newer(root: Path) -> None:
    path = root / "pyproject.toml"
    path.write_text(path.read_text().replace(f'version = "{KIT.version}"', 'version = "9.0.0"'))


def _older(root: Path) -> None:
    path = root / "pyproject.toml"
    path.write_text(path.read_text().replace(f'version = "{KIT.version}"', 'version = "0.3.0"'))
    _repository(root)


def _conflicting(root: Path) -> None:
    path = root / "pyproject.toml"
    path.write_text(f"<<<<<<< yours\n{path.read_text()}")


def _unrecorded(root: Path) -> None:
    (root / "pyproject.toml").write_text('[tool.kopfkit]\nproject = "a.project:PROJECT"\n')


def _broken(root: Path) -> None:
    path = root / "pyproject.toml"
    path.write_text(path.read_text().replace('"create api --group', '"create apo --group'))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda root: None, "is in no git repository"),
        (_edited, "has edits that are not committed\n  |  M README.md"),
        (_newer, f"is of kopfkit 9.0.0, and this is kopfkit {KIT.version}"),
        (_older, "is older than all templates that are here"),
        (_conflicting, "Resolve the conflicts in it first"),
        (_unrecorded, "has no [tool.kopfkit] version and commands"),
        (_broken, "cannot be read ('create apo"),
        (lambda root: (root / "pyproject.toml").unlink(), "is not a kopfkit project"),
    ],
)
def test_update_refuses(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
    why: str,
) -> None:
    spoil(root)
    before = files(root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root.parent))
    monkeypatch.setattr("kopfkit.cli.scaffold.kit", lambda: KIT)
    said = refused("update", capsys=capsys)
    assert why in said
    assert "hint:" in said
    assert files(root) == before


def test_update_needs_git(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(KopfkitError, match="git: was not found"):
        operations.update(root, KIT)


def test_an_interruption_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = writer._stage
    done: list[object] = []

    def interrupted(*arguments: object) -> Path:
        done.append(arguments)
        if len(done) == 5:
            raise KeyboardInterrupt
        return staged(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "_stage", interrupted)
    with pytest.raises(KeyboardInterrupt):
        operations.init(tmp_path, ANSWERS, KIT).carry_out(tmp_path)
    assert [*tmp_path.iterdir()] == []
    monkeypatch.undo()
    operations.init(tmp_path, ANSWERS, KIT).carry_out(tmp_path)
    assert files(tmp_path) == KIT.render(ANSWERS)


@budget(ci=50, soak=2000)
@given(st.lists(st.text(max_size=12), min_size=4, max_size=4))
def test_any_text_as_a_name_is_taken_or_refused(texts: list[str]) -> None:
    faults = Faults("x")
    check_project(faults, texts[0])
    check_domain(faults, texts[1])
    check_owner(faults, texts[2])
    check_api(faults, *texts)
    for place, why in faults.found:
        assert place.startswith("--")
        assert why


@pytest.mark.parametrize(
    ("recorded", "instead", "why"),
    [
        ("--project-name cache-operator", "--project-name ../../outside", "is not a DNS label"),
        ("--kind Memcached", "--kind ../../Outside", "is not in CamelCase"),
        ("--version v1alpha1", "--version v1/../../../outside", "is not like v1"),
        ("--style reconcile", "--style ../../../outside", "is unknown"),
        ("--license apache2", "--license ../outside", "is unknown"),
        ("--date 2026-11-29", "--date tomorrow", "is not like 2027-01-31"),
    ],
)
def test_recorded_names_that_lead_out_of_the_project_are_refused(
    root: Path, recorded: str, instead: str, why: str
) -> None:
    """A project that somebody else recorded: its names become paths that are written."""
    path = root / "pyproject.toml"
    assert recorded in path.read_text()
    path.write_text(path.read_text().replace(recorded, instead))
    _repository(root)
    before = files(root.parent)
    for command in (operations.update, operations.edit):
        with pytest.raises(KopfkitError, match=why):
            command(root, KIT)
    assert files(root.parent) == before


def test_a_link_out_of_the_project_is_not_followed(root: Path) -> None:
    outside = root.parent / "outside"
    outside.write_text((root / "README.md").read_text())
    (root / "README.md").unlink()
    (root / "README.md").symlink_to(outside)
    before = outside.read_text()
    with pytest.raises(KopfkitError, match=r"README\.md: is a link to something outside"):
        create(root, kind="Backup")
    assert outside.read_text() == before


@budget(ci=50, soak=2000)
@given(st.lists(st.text("init create api --group x'\"", max_size=30), max_size=3))
def test_any_recorded_commands_are_read_or_refused(commands: list[str]) -> None:
    with pytest.raises(KopfkitError):
        replay(commands)
