"""The plumbing of HelloWorld is that of a project which `kopfkit init` makes.

Every file that the templates make for HelloWorld's answers is compared with the repository's, or
named below with the reason why it differs. HelloWorld's repository is also kopfkit's own, so it has
more; what it shares with a project must be the same.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.scaffold.answers import Answers, Api, Webhook
from kopfkit.scaffold.rendering import Files, Kit

VERSIONS = ("v1alpha1", "v1")
API = Api(
    "test.jiaozi.com", "HelloWorld", "helloworlds", VERSIONS, webhook=Webhook("v1", True, True)
)
ANSWERS = Answers("jiaozi.com", "helloworld-operator", "2026-11-24", "HelloWorld", apis=(API,))
KIT = Kit("0.4.0")

# Files of a project that this repository does without, or that are the operator's own logic.
OTHERWISE = {
    "AGENTS.md": "CONTRIBUTING.md and docs/drills say it, of two distributions",
    "README.md": "is kopfkit's, too",
    "catalog/releases.yaml": "is the history of HelloWorld's releases",
    "helloworld_operator/": "the operator's own logic, below operator/",
    "tests/": "tests of that logic",
}
# Targets whose kopfkit commands differ: the reason.
COMMANDS = {
    ("bundle", "bundle validate"): "make bundle-validate is a target of its own: it takes a minute",
    ("catalog", "catalog validate"): "make catalog-validate is a target of its own",
    ("docker-build", "image root"): "make image-root is a target of its own",
}
# Keys of pyproject.toml that differ.
SETTINGS = {
    "project.description": "says what the operator does",
    "project.dynamic": "a release writes the version in both places",
    "project.dependencies": "the operator's own; kopfkit is in this workspace, without a version",
    "project.optional-dependencies.dev": "is a dependency group, which uv locks",
    "tool.hatch.version.path": "as project.dynamic",
    "tool.hatch.build.targets.wheel.packages": "the package is below operator/",
    "tool.pytest.ini_options.addopts": "has more",
    "tool.pytest.ini_options.pythonpath": "the tests import hack/ and benchmarks/, too",
    "tool.ruff.lint.select": "has more",
    "tool.mypy.files": "has more",
    "tool.kopfkit.version": "nobody updates it by kopfkit update",
    "tool.kopfkit.commands": "as tool.kopfkit.version",
}


@pytest.fixture(scope="module")
def made() -> Files:
    return KIT.render(ANSWERS)


def test_every_file_of_a_project_is_compared_or_named(made: Files) -> None:
    compared = {
        "Makefile", "pyproject.toml", "LICENSE", ".gitignore", ".pre-commit-config.yaml",
        ".github/workflows/test.yaml", ".devcontainer/devcontainer.json",
    }  # fmt: skip
    other = {path for path in made if not path.startswith(tuple(OTHERWISE))}
    assert other == compared, "compare it below, or name it in OTHERWISE with a reason"
    for path in OTHERWISE:
        assert any(one.startswith(path) for one in made), path


@pytest.mark.parametrize("path", ["LICENSE", ".devcontainer/devcontainer.json"])
def test_a_file_is_the_same(root: Path, made: Files, path: str) -> None:
    assert (root / path).read_text().strip() == made[path].strip()


def targets(makefile: str) -> dict[str, dict[str, set[str]]]:
    """Target -> the kopfkit commands that its recipe runs, as "bundle generate", and the images
    that each is given, as "--img IMG"."""
    given = dict(re.findall(r"^(WITH_[A-Z_]+) = (.*)", makefile, re.MULTILINE))
    found: dict[str, dict[str, set[str]]] = {}
    now: list[str] = []
    for line in makefile.splitlines():
        if match := re.match(r"([a-z][a-z0-9 -]*):(?!=)", line):
            now = match[1].split()
            for one in now:
                found.setdefault(one, {})
        elif line.startswith("\t"):
            line = re.sub(r"\$\((WITH_[A-Z_]+)\)", lambda match: given[match[1]], line)
            for words, rest in re.findall(
                r"\$\(KOPFKIT\) ((?:[a-z]+ ?){1,2})(.*?)(?=&& \$\(KOPFKIT|$)", line
            ):
                images = re.findall(r"(--[a-z-]+) \$\(([A-Z_]*IMG)\)", rest)
                for one in now:
                    found[one][words.strip()] = {" ".join(image) for image in images}
    return found


def test_the_makefile_has_the_targets_of_a_project(root: Path, made: Files) -> None:
    ours = targets((root / "Makefile").read_text())
    theirs = targets(made["Makefile"])
    assert {"test", "bundle", "deploy", "run"} <= theirs.keys()
    assert not theirs.keys() - ours.keys()
    different = {
        (target, command)
        for target, commands in theirs.items()
        for command in commands.keys() - ours[target].keys()
    }
    assert different == COMMANDS.keys()
    # What a target does not do here, another does.
    every = set().union(*ours.values())
    assert {command for _, command in COMMANDS} <= every


def test_a_target_is_given_the_same_images(root: Path, made: Files) -> None:
    ours = targets((root / "Makefile").read_text())
    theirs = targets(made["Makefile"])
    assert theirs["catalog"]["catalog generate"]
    different = {
        (target, command): (images, ours[target][command])
        for target, commands in theirs.items()
        for command, images in commands.items()
        if command in ours[target] and images != ours[target][command]
    }
    # HelloWorld's operands run its operator's image; those of a project run none of its own.
    operand = {"--operand-image IMG"}
    assert different == {(name, "run local"): (set(), operand) for name in ("run", "debug")}


def test_the_makefile_has_the_variables_of_a_project(root: Path, made: Files) -> None:
    def variables(text: str) -> set[str]:
        return set(re.findall(r"^([A-Z_]+) *[?:]=", text, re.MULTILINE))

    left = variables(made["Makefile"]) - variables((root / "Makefile").read_text())
    # The stamp of a project's environment is named STAMP here.
    assert left == {"TOOLS"}


def settings(found: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield from settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_the_python_project_has_the_settings_of_a_project(root: Path, made: Files) -> None:
    theirs = dict(settings(tomllib.loads(made["pyproject.toml"])))
    ours = dict(settings(tomllib.loads((root / "pyproject.toml").read_text())))
    assert {key for key, value in theirs.items() if ours.get(key) != value} == SETTINGS.keys()
    for key in ("tool.ruff.lint.select",):
        assert {*theirs[key]} <= {*ours[key]}
    assert theirs["tool.pytest.ini_options.addopts"] in ours["tool.pytest.ini_options.addopts"]


def test_git_ignores_what_a_project_ignores(root: Path, made: Files) -> None:
    ours = {line.strip("/") for line in (root / ".gitignore").read_text().splitlines()}
    assert {line.strip("/") for line in made[".gitignore"].splitlines()} <= ours


def test_a_commit_is_checked_by_the_projects_own_tools(root: Path, made: Files) -> None:
    for text in (made[".pre-commit-config.yaml"], (root / ".pre-commit-config.yaml").read_text()):
        (repository,) = yamls.load(text)["repos"]
        assert repository["repo"] == "local"
        assert {one["language"] for one in repository["hooks"]} == {"system"}
    # A project's hook is make lint. Here it is its parts but mypy, which takes a minute.
    hooks = {one["entry"] for one in repository["hooks"]}
    for part in ("ruff check", "ruff format --check", "lint-imports"):
        assert any(f".venv/bin/{part}" in one for one in hooks), part


def test_the_workflow_uses_what_a_projects_does(root: Path, made: Files) -> None:
    theirs = yamls.load(made[".github/workflows/test.yaml"])
    ours = yamls.load((root / ".github/workflows/ci.yaml").read_text())
    # When it runs, and what it may do.
    assert len(ours) == 4
    for key in ours.keys() - {"name", "jobs"}:
        assert ours[key] == theirs[key]

    def steps(workflow: Any) -> list[dict[str, Any]]:
        return [step for job in workflow["jobs"].values() for step in job["steps"]]

    def uses(workflow: Any) -> set[str]:
        found = [step for step in steps(workflow) if "uses" in step]
        # The key of a cache is each one's own.
        return {
            json.dumps([step["uses"], {**step.get("with", {}), "key": ""}], sort_keys=True)
            for step in found
        }

    assert uses(ours) == uses(theirs)
    assert {job["runs-on"] for job in ours["jobs"].values()} == {
        job["runs-on"] for job in theirs["jobs"].values()
    }
