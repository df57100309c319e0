"""What init and create api write; that it works is shown in tests/integration/scaffold."""

import ast
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit import yamls
from kopfkit.scaffold import operations
from kopfkit.scaffold.answers import STYLES, Answers, Api, Webhook, replay
from kopfkit.scaffold.merging import outputs, plan
from kopfkit.scaffold.naming import plural_of, variable

from .conftest import ANSWERS, KIT, create, create_webhook, files

NAMES = st.from_regex(r"[a-z]([a-z0-9]{0,8}-?[a-z0-9])?", fullmatch=True)
KINDS = st.from_regex(r"[A-Z][A-Za-z0-9]{0,30}", fullmatch=True)
OWNERS = st.text("abc XYZ'é&<>$#{}%-.,", min_size=1, max_size=20).filter(str.strip)


@st.composite
def projects(draw: st.DrawFn) -> Answers:
    """A project with up to three kinds."""
    found = Answers(
        draw(st.sampled_from(("example.org", "a.b"))),
        draw(NAMES),
        "2026-11-29",
        draw(OWNERS),
        draw(st.sampled_from(STYLES)),
        draw(st.sampled_from(("apache2", "none"))),
    )
    kinds = draw(st.lists(KINDS, max_size=3, unique_by=str.lower))
    for kind in kinds:
        versions = ("v1alpha1", "v1beta1", "v1")[: draw(st.integers(1, 3))]
        group = draw(st.sampled_from((found.domain, f"cache.{found.domain}")))
        found = found.with_api(Api(group, kind, plural_of(kind), versions, draw(st.booleans())))
        if draw(st.booleans()):
            functions = draw(st.sampled_from(((True, False), (False, True), (True, True))))
            version = draw(st.sampled_from(versions))
            found = found.with_webhook(kind, Webhook(version, *functions))
    return found


@budget(ci=8, soak=1000)
@given(projects())
def test_the_recorded_commands_make_the_project_again(project: Answers) -> None:
    made = KIT.render(project)
    recorded = tomllib.loads(made["pyproject.toml"])["tool"]["kopfkit"]
    assert replay(recorded["commands"]) == project
    assert recorded["version"] == KIT.version
    for path, text in made.items():
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        if path.endswith(".py"):
            ast.parse(text)
        if path.endswith(".yaml"):
            yamls.load(text, path)
    if project.apis:
        # The user's own code: what Python, OLM and kopfkit read.
        code = [path for path in made if path.endswith((".py", "releases.yaml"))]
        assert len(code) - 5 <= sum(4 + 3 * len(api.versions) for api in project.apis)


@pytest.mark.parametrize("style", STYLES)
def test_a_project_of_any_style_is_as_ruff_wants_it(tmp_path: Path, style: str) -> None:
    operations.init(tmp_path, replace(ANSWERS, style=style), KIT).carry_out(tmp_path)
    for words in ({}, {"version": "v1"}, {"kind": "Tier", "namespaced": False}, {"kind": "Leaf"}):
        create(tmp_path, **words)
    create_webhook(tmp_path)
    create_webhook(tmp_path, kind="Tier", defaulting=False)
    create_webhook(tmp_path, kind="Leaf", validation=False)
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache"]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_packages_that_no_index_has_are_told_with_the_way_to_name_their_directory(
    root: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    environment = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1"}
    done = subprocess.run(
        ["make", "test", f"VENV={venv}"], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "error: the packages of pyproject.toml cannot be installed" in done.stderr
    assert "export PIP_FIND_LINKS=DIRECTORY" in done.stderr
    assert not (root / "build/.tools").exists()


def test_a_project_of_one_kind_has_few_files(root: Path) -> None:
    assert [*files(root)] == [
        ".devcontainer/devcontainer.json",
        ".github/workflows/test.yaml",
        ".gitignore",
        ".pre-commit-config.yaml",
        "AGENTS.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "cache_operator/__init__.py",
        "cache_operator/__main__.py",
        "cache_operator/memcached_controller.py",
        "cache_operator/memcached_v1alpha1.py",
        "cache_operator/project.py",
        "catalog/releases.yaml",
        "pyproject.toml",
        "tests/test_memcached.py",
    ]


def test_the_tests_of_a_project_without_an_api_pass_and_name_the_next_command(
    tmp_path: Path,
) -> None:
    operations.init(tmp_path, ANSWERS, KIT).carry_out(tmp_path)
    done = subprocess.run(["make", "test"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "kopfkit create api --group" in done.stdout
    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    for place in settings["tool"]["mypy"]["files"]:
        assert (tmp_path / place).is_dir()
    # What needs an API is not run before there is one.
    assert "make lint test\n" in (tmp_path / ".github/workflows/test.yaml").read_text()
    create(tmp_path)
    assert "make lint test bundle catalog" in (tmp_path / ".github/workflows/test.yaml").read_text()


def test_make_bundle_writes_config_too_with_the_same_image(root: Path) -> None:
    """Who starts with OLM applies config/samples next."""
    done = subprocess.run(
        ["make", "--dry-run", "bundle", "IMG=a/b:v1"], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    manifests, bundle = (
        line for line in done.stdout.splitlines() if "/kopfkit " in line and "a/b:v1" in line
    )
    assert "kopfkit manifests --img a/b:v1" in manifests
    assert "kopfkit bundle generate --img a/b:v1" in bundle


def test_a_second_version_begins_with_the_fields_of_the_first(root: Path) -> None:
    old = root / "cache_operator/memcached_v1alpha1.py"
    text = old.read_text()
    size = '    size: Annotated[int, Meta(ge=0, description="How many.")] = 1\n'
    seen = '    seen: Annotated[int, Meta(ge=0, description="How many.")] = 0\n'
    text = text.replace("\n\n\nclass Status", f"\n{size}\n\nclass Status", 1)
    text = text.replace('"""The observed', '"""Seen.\n\n    The observed').replace(
        "\n\n\nVERSION", f"\n\n{seen}\n\nVERSION"
    )
    old.write_text(text)
    create(root, version="v1")
    new = (root / "cache_operator/memcached_v1.py").read_text()
    assert size in new
    assert seen not in new
    assert "from cache_operator.memcached_v1alpha1 import Status as Status" in new
    assert "storage=True" in new
    kept = old.read_text()
    assert size in kept
    assert seen in kept
    assert "storage=True" not in kept
    history = yamls.read(root / "catalog/releases.yaml")
    assert history["releases"][0]["served"] == ["v1alpha1", "v1"]
    assert history["releases"][0]["stored"] == "v1"


def test_an_operator_that_converts_can_make_certificates(root: Path) -> None:
    """config/default runs it with --manage-certificates, for which kopfkit.pki is imported."""

    def dependencies() -> list[str]:
        project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
        return [*project["dependencies"]]

    assert not any("cryptography" in each for each in dependencies())
    create(root, version="v1")
    assert any("cryptography" in each for each in dependencies())


def test_a_webhook_is_recorded_registered_and_tested(root: Path) -> None:
    before = files(root)
    create_webhook(root, defaulting=False)
    after = files(root)
    assert after.keys() - before.keys() == {
        "cache_operator/memcached_webhook.py",
        "tests/test_memcached_webhook.py",
    }
    assert "memcached_webhook.ADMISSION," in after["cache_operator/__main__.py"]
    recorded = tomllib.loads(after["pyproject.toml"])["tool"]["kopfkit"]["commands"]
    flags = "--group cache --version v1alpha1 --kind Memcached"
    assert recorded[-1] == f"create webhook {flags} --validation"
    assert "cryptography" in after["pyproject.toml"]
    # A version that comes later leaves the functions as they are.
    create(root, version="v1")
    assert (
        files(root)["cache_operator/memcached_webhook.py"]
        == (after["cache_operator/memcached_webhook.py"])
    )
    text = (root / "pyproject.toml").read_text()
    assert KIT.render(replay(tomllib.loads(text)["tool"]["kopfkit"]["commands"])) == files(root)


def test_the_tests_of_a_new_webhook_pass(root: Path) -> None:
    create_webhook(root)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-k",
            "not api_server",
            "tests/test_memcached_webhook.py",
        ],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_history_that_was_edited_is_left_to_its_owner(root: Path) -> None:
    history = root / "catalog/releases.yaml"
    edited = history.read_text() + (
        "  - {version: 0.2.0, date: 2026-12-01, channels: [stable], served: [v1alpha1], "
        "stored: v1alpha1, replaces: 0.1.0}\n"
    )
    history.write_text(edited)
    made = operations.create_api(
        root, KIT, group="cache", version="v1", kind="Memcached", plural="", namespaced=True
    )
    made.carry_out(root)
    assert history.read_text() == edited
    assert made.left == [("catalog/releases.yaml", "name v1 in the release that brings it")]


def test_another_kind_gets_a_controller_and_edits_stay(root: Path) -> None:
    main = root / "cache_operator/__main__.py"
    main.write_text(main.read_text().replace('if __name__ == "__main__":', "# mine\n\\g<0>", 1))
    create(root, kind="Backup", version="v1")
    text = main.read_text()
    assert "# mine" in text
    assert "memcached_controller.CONTROLLER,\n        backup_controller.CONTROLLER," in text
    assert (root / "tests/test_backup.py").exists()


def test_two_kinds_with_two_versions_each_are_described_by_one_project(root: Path) -> None:
    create(root, version="v1beta1")
    create(root, kind="Backup", version="v1beta1")
    create(root, kind="Backup", version="v1")
    text = (root / "cache_operator/__main__.py").read_text()
    both = "        memcached_conversion.CONVERTER,\n        backup_conversion.CONVERTER,\n    ]"
    assert both in text
    kopfkit = [sys.executable, "-c", "from kopfkit.cli import main; main()"]
    for command in (["manifests"], ["bundle", "generate"]):
        done = subprocess.run([*kopfkit, *command], cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    stored = {}
    for kind in ("memcacheds", "backups"):
        crd = yamls.read(root / f"bundle/manifests/cache.example.org_{kind}.yaml")["spec"]
        assert crd["conversion"]["strategy"] == "Webhook"
        stored[kind] = [each["name"] for each in crd["versions"] if each["storage"]]
    assert stored == {"memcacheds": ["v1beta1"], "backups": ["v1"]}


@pytest.mark.parametrize("name", ["Import", "List", "Ctx", "VeryLongNameOfAKindThatSomebodyChose"])
def test_a_kind_named_as_something_of_python_is_an_obj(name: str) -> None:
    assert variable(name) == "obj"


def test_plurals_are_english() -> None:
    words = {"Memcached": "memcacheds", "Proxy": "proxies", "Key": "keys", "Box": "boxes"}
    assert {kind: plural_of(kind) for kind in words} == words


def test_edit_changes_what_init_was_told(root: Path) -> None:
    operations.edit(root, KIT, owner="O'Brien", license="none").carry_out(root)
    told = replace(ANSWERS, owner="O'Brien", license="none")
    assert "O'Brien" in (root / "cache_operator/project.py").read_text()
    assert not (root / "LICENSE").exists()
    api = Api("cache.example.org", "Memcached", "memcacheds", ("v1alpha1",))
    assert files(root) == KIT.render(told.with_api(api))


def test_edit_gives_a_project_without_apis_another_name(tmp_path: Path) -> None:
    operations.init(tmp_path, ANSWERS, KIT).carry_out(tmp_path)
    operations.edit(tmp_path, KIT, name="store", domain="example.com").carry_out(tmp_path)
    assert files(tmp_path) == KIT.render(replace(ANSWERS, name="store", domain="example.com"))


def test_a_new_folder_comes_as_a_whole_and_one_that_is_there_keeps_its_files(
    tmp_path: Path,
) -> None:
    (tmp_path / "there").mkdir()
    made = outputs(tmp_path, {"new/a": "1", "new/b/c": "2", "there/d": "3", "e": "4"})
    assert {(each.path.name, *each.files) for each in made} == {
        ("d", ""),
        ("e", ""),
        ("new", "a", "b/c"),
    }
    assert plan(tmp_path, {}, {}).files == {}
