"""An error names what its reader has: make variables for make, flags for the command."""

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import kopfkit
from helloworld_operator.cli import cli as operator
from kopfkit.cli import kopfkit as command
from kopfkit.cli._callers import TARGETS, VARIABLES, fitting

MAKE = {"MAKELEVEL": "1"}


@pytest.mark.parametrize(
    ("said", "to_make"),
    [
        (
            "bundle generate: 2 errors\n  - --img: 'a b' is not an image\n  - --version: no",
            "bundle generate: 2 errors\n  - IMG: 'a b' is not an image\n  - VERSION: no",
        ),
        (
            "Delete it first (kopfkit cluster down --name x), or choose another name with --name.",
            "Delete it first (make cluster-down CLUSTER_NAME=x), or choose another name with "
            "CLUSTER_NAME.",
        ),
        ("Use --kind kind (needs Docker), or --kind existing.",
         "Use CLUSTER=kind (needs Docker), or CLUSTER=existing."),
        ("--offline and --push exclude each other", "OFFLINE=1 and PUSH=1 exclude each other"),
        ("kopfkit release sign dist/x --key KEY", ".venv/bin/kopfkit release sign dist/x KEY=KEY"),
        ("Specify it with --namespace.", "Specify it with --namespace."),
        ("Generate it: make bundle catalog", "Generate it: make bundle catalog"),
    ],
)  # fmt: skip
def test_make_hears_of_variables_and_targets(
    said: str, to_make: str, root: Path, tmp_path: Path
) -> None:
    shutil.copy(root / "Makefile", tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/kopfkit").touch()
    assert fitting(said, MAKE, tmp_path) == to_make
    assert fitting(said, {}, tmp_path) == said


def test_a_variable_that_the_makefile_does_not_have_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("IMG ?= x\nbundle:\n\ttrue\n")
    said = "run kopfkit bundle generate --img x --version y, then kopfkit catalog generate"

    assert fitting(said, MAKE, tmp_path) == (
        "run make bundle IMG=x --version y, then kopfkit catalog generate"
    )


def test_without_a_makefile_no_target_is_named(tmp_path: Path) -> None:
    assert fitting("Generate it: make bundle.", {}, tmp_path) == (
        "Generate it: kopfkit bundle generate."
    )


def test_the_makefile_has_what_is_named(root: Path) -> None:
    makefile = (root / "Makefile").read_text()
    for target in TARGETS.values():
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for variable in VARIABLES.values():
        name = variable.partition("=")[0]
        assert re.search(rf"^{name} *\?=", makefile, re.MULTILINE), name


def _hints() -> Iterator[tuple[str, str]]:
    """Where, and what: the third argument of every error, and whatever is called a hint."""
    sources = [file for place in kopfkit.__path__ for file in Path(place).rglob("*.py")]
    for path in sorted(sources):
        for node in ast.walk(ast.parse(path.read_text())):
            found: list[ast.expr] = []
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
                found = node.args[2:3]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "hint":
                found = [node.value]
            for each in found:
                texts = [one.value for one in ast.walk(each) if isinstance(one, ast.Constant)]
                yield f"{path.name}:{each.lineno}", " ".join(map(str, texts))


def _options(group: click.Command) -> Iterator[str]:
    for parameter in group.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            below = group.get_command(context, name)
            assert below is not None
            yield from _options(below)


def test_every_hint_names_commands_targets_and_flags_that_exist(root: Path) -> None:
    makefile, context = (root / "Makefile").read_text(), click.Context(command)
    flags = {*_options(command), *_options(operator)}
    told = list(_hints())
    assert len(told) > 150
    for where, text in told:
        for name, below in re.findall(
            r"kopfkit ((?!command|makes|is\b)[a-z-]+)(?: ([a-z-]+))?", text
        ):
            found = command.get_command(context, name)
            assert found is not None, (where, text)
            if isinstance(found, click.Group):
                assert found.get_command(context, below) is not None, (where, text)
        for target in re.findall(r"(?<!\w)make ([a-z]+(?:-[a-z]+)*)", text):
            known = re.search(rf"^{target}:", makefile, re.MULTILINE)
            assert known or target in ("or", "it", "one"), (where, text)
        ours = re.sub(r"\b(git|kopf|kubectl|pip) [^,;]*", "", text)
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", ours)) <= flags, (where, text)


def _make(place: Path, *words: str, **programs: str) -> "subprocess.CompletedProcess[str]":
    """Run make where some programs do what a line of shell says."""
    fakes = place / "bin"
    fakes.mkdir()
    for name, line in programs.items():
        (fakes / name).write_text(f"#!/bin/sh\n{line}\n")
        (fakes / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{fakes}{os.pathsep}{os.environ['PATH']}"}
    env.pop("CLUSTER", None)
    return subprocess.run(
        ["make", *words], cwd=place, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [(["demo"], "not running as root"), (["demo", "CLUSTER=control-plane"], "has no node")],
)
def test_a_demo_that_cannot_run_says_so_before_anything_is_installed(
    words: list[str], why: str, root: Path, tmp_path: Path
) -> None:
    shutil.copy(root / "Makefile", tmp_path)
    done = _make(tmp_path, *words, id="echo 1000", docker="exit 1")

    assert done.returncode != 0
    assert why in done.stderr
    assert "  hint: " in done.stderr
    assert not (tmp_path / ".venv").exists()
