"""Updates: an untouched project becomes a fresh one, and no edit is lost."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.cli import main
from kopfkit.scaffold import operations
from kopfkit.scaffold.merging import merge, plan
from kopfkit.scaffold.rendering import Kit

from .conftest import ANSWERS, files

PYPROJECT = """[tool.kopfkit]
version = "{{ kopfkit.version }}"
commands = [
{% for command in project.commands %}
    {{ command | literal }},
{% endfor %}
]
"""
LINES = st.lists(st.sampled_from([f"line {n}" for n in range(6)]), max_size=8)
# Of a template tree: what it makes of some paths; a path that is not in it is not made.
TREES = st.dictionaries(st.sampled_from(["a", "b", "c/d", "c/e/f"]), LINES, max_size=4)


def tree(place: Path, version: str, made: dict[str, str]) -> None:
    """Write a tree of templates."""
    for path, text in {"pyproject.toml": PYPROJECT, **made}.items():
        file = place / version / "common" / "project" / f"{path}.j2"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def text_of(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


@budget(ci=25, soak=1000)
@given(TREES, TREES)
def test_an_untouched_project_becomes_a_fresh_one(
    old: dict[str, list[str]], new: dict[str, list[str]]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        templates, root = Path(directory) / "templates", Path(directory) / "project"
        root.mkdir()
        for version, made in (("0.4.0", old), ("0.5.0", new)):
            tree(templates, version, {path: text_of(lines) for path, lines in made.items()})
        before, after = Kit("0.4.3", templates), Kit("0.5.1", templates)
        operations.init(root, ANSWERS, before).carry_out(root)
        assert files(root) == before.render(ANSWERS)
        made = plan(root, before.render(ANSWERS), after.render(ANSWERS))
        assert not made.conflicts
        assert not made.left
        made.carry_out(root)
        assert files(root) == after.render(ANSWERS)
        assert sorted(p for p in root.rglob("*") if p.is_dir() and not any(p.iterdir())) == []


@budget(ci=20, soak=2000)
@given(LINES, LINES, st.data())
def test_no_edit_is_lost(old: list[str], new: list[str], data: st.DataObject) -> None:
    """Each line that somebody wrote is in the result, merged or between the marks of a conflict."""
    edited = [*old]
    mine = [f"mine {number}" for number in range(data.draw(st.integers(1, 3)))]
    for line in mine:
        edited.insert(data.draw(st.integers(0, len(edited))), line)
    merged, conflict = merge(text_of(edited), text_of(old), text_of(new))
    lines = merged.splitlines()
    assert [line for line in lines if line in mine and line not in old] != []
    for line in mine:
        assert line in lines
    assert conflict == ("<<<<<<< yours" in lines)
    assert merge(text_of(edited), text_of(old), text_of(old)) == (text_of(edited), False)


@budget(ci=15, soak=500)
@given(st.integers(3, 8), st.integers(3, 8), st.lists(st.sampled_from("xyz"), max_size=4))
def test_an_edit_outside_of_the_changed_lines_is_merged(
    above: int, below: int, change: list[str]
) -> None:
    head, tail = [f"h{n}" for n in range(above)], [f"t{n}" for n in range(below)]
    old, new = [*head, "old", *tail], [*head, *change, *tail]
    edited = ["mine", *old, "mine too"]
    assert merge(text_of(edited), text_of(old), text_of(new)) == (
        text_of(["mine", *new, "mine too"]),
        False,
    )


@pytest.fixture
def kits(tmp_path: Path) -> tuple[Kit, Kit]:
    """Two kopfkits, whose templates differ in one line of one file."""
    for version, line in (("0.4.0", "old"), ("0.5.0", "new")):
        tree(tmp_path / "templates", version, {"file": f"a\nb\n{line}\nc\nd\n", "same": "same\n"})
    return Kit("0.4.0", tmp_path / "templates"), Kit("0.5.0", tmp_path / "templates")


@pytest.fixture
def project(tmp_path: Path, kits: tuple[Kit, Kit]) -> Path:
    """A project of the older one, in a repository."""
    root = tmp_path / "project"
    root.mkdir()
    operations.init(root, ANSWERS, kits[0]).carry_out(root)
    git(root, "init", "--quiet")
    commit(root)
    return root


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    git(root, *who, "commit", "--quiet", "--message", "x")


@pytest.mark.parametrize(
    ("edit", "result", "code"),
    [
        ("mine\na\nb\nold\nc\nd\n", "mine\na\nb\nnew\nc\nd\n", 0),
        ("a\nb\nmine\nc\nd\n", "a\nb\n<<<<<<< yours\nmine\n||||||| old template\nold\n", 1),
    ],
)
def test_update_merges_and_tells_conflicts(
    project: Path,
    kits: tuple[Kit, Kit],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    edit: str,
    result: str,
    code: int,
) -> None:
    (project / "file").write_text(edit)
    commit(project)
    monkeypatch.chdir(project)
    monkeypatch.setattr("kopfkit.cli.scaffold.kit", lambda: kits[1])
    with pytest.raises(SystemExit) as ended:
        main(["update", "--dry-run"])
    assert ended.value.code == 0
    assert (project / "file").read_text() == edit
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["update"])
    said = capsys.readouterr()
    assert ended.value.code == code, said.err
    assert (project / "file").read_text().startswith(result)
    assert 'version = "0.5.0"' in (project / "pyproject.toml").read_text()
    if code:
        assert "conflict  file" in said.out
        assert "error: conflicts in file" in said.err


def test_a_file_that_was_deleted_is_restored_first_or_done_without(
    project: Path, kits: tuple[Kit, Kit]
) -> None:
    from kopfkit.errors import KopfkitError

    (project / "file").unlink()
    (project / "same").unlink()
    commit(project)
    before = files(project)
    with pytest.raises(KopfkitError) as caught:
        operations.update(project, kits[1])
    assert "file: was deleted, and its template has changed" in str(caught.value)
    assert 'without = ["FILE"]' in caught.value.hint
    assert files(project) == before
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text + 'without = ["file"]\n')
    commit(project)
    operations.update(project, kits[1]).carry_out(project)
    assert not (project / "file").exists()


def test_a_file_that_is_in_the_way_is_not_overwritten(tmp_path: Path, project: Path) -> None:
    from kopfkit.errors import KopfkitError

    tree(tmp_path / "templates", "0.6.0", {"file": "a\n", "same": "same\n", "more": "theirs\n"})
    (project / "more").write_text("mine\n")
    commit(project)
    with pytest.raises(KopfkitError, match="more: is there already"):
        operations.update(project, Kit("0.6.0", tmp_path / "templates"))
    assert (project / "more").read_text() == "mine\n"


def test_a_file_without_a_template_stays_where_somebody_changed_it(
    tmp_path: Path, project: Path
) -> None:
    tree(tmp_path / "templates", "0.6.0", {"file": "a\n"})
    (project / "same").write_text("mine\n")
    commit(project)
    made = operations.update(project, Kit("0.6.0", tmp_path / "templates"))
    made.carry_out(project)
    assert made.left == [("same", "has no template any more; you changed it, so it stays")]
    assert (project / "same").read_text() == "mine\n"
