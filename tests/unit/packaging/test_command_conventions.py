"""What every command of kopfkit has: -o json|yaml where it lists, --dry-run where it writes.

A new command is named in one of the three tables below, or the first test fails.
"""

import contextlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import frozen
from kopfkit import cli, yamls

# Commands that write files of a project: --dry-run, by cli/_writing.py.
WRITES = {
    "init", "create api", "create webhook", "edit", "update", "manifests", "bundle generate",
    "chart generate",
    "catalog add", "catalog contribute", "catalog generate", "catalog graph", "catalog import",
    "catalog mirror", "guard inject", "guard remove", "image lock", "release make",
}  # fmt: skip
# Commands that list something: -o json|yaml, by cli/_output.py; their fields in output.md.
LISTS = {
    "bundle validate", "catalog graph", "catalog render", "catalog template", "catalog validate",
    "cluster status", "doctor", "image validate", "olm status", "scorecard", "simulate preflight",
    "simulate upgrade", "tools list",
}  # fmt: skip
# Commands that do neither, by what they do.
OTHERS = {
    "print one value": {"cluster kubeconfig", "tools path", "release newest", "completion"},
    "change a cluster": {
        "cluster up", "cluster down", "olm install", "olm uninstall", "subscribe", "unsubscribe",
        "cleanup", "migrate storage", "run bundle", "run bundle-upgrade", "run local", "dev",
    },
    "make or push what is no text, or a secret": {
        "chart package",
        "tools build", "guard image", "image build", "image layout", "image push", "image root",
        "release key", "release push", "release sign",
    },
    "say whether all is well": {"release verify"},
    "show a page, or write it into one file": {"preview"},
}  # fmt: skip


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that can be run, by its words after `kopfkit`."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", found


COMMANDS = dict(commands(cli.kopfkit))


def option(name: str, flag: str) -> click.Option | None:
    options = (one for one in COMMANDS[name].params if isinstance(one, click.Option))
    return next((one for one in options if flag in one.opts), None)


def test_it_is_known_of_every_command_whether_it_writes_or_lists() -> None:
    known = WRITES | LISTS | set().union(*OTHERS.values())
    new = sorted(COMMANDS.keys() - known)
    assert not new, f"say in WRITES, LISTS or OTHERS of {__file__} what these do: {new}"
    assert not known - COMMANDS.keys()
    assert not (WRITES | LISTS) & set().union(*OTHERS.values())


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_command_that_writes_has_a_dry_run(name: str) -> None:
    found = option(name, "--dry-run")
    assert found is not None, f"kopfkit {name}: add dry_run_option (cli/_writing.py)"
    assert found.is_flag
    assert "diff" in (found.help or "")


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_command_that_lists_gives_json_and_yaml(name: str) -> None:
    # The output of a graph is a file.
    found = option(name, "--format" if name == "catalog graph" else "-o")
    assert found is not None, f"kopfkit {name}: add output_option() (cli/_output.py)"
    assert isinstance(found.type, click.Choice)
    assert {"json", "yaml"} <= {*found.type.choices}


def test_whoever_has_a_dry_run_or_an_output_is_in_the_tables() -> None:
    with_diff = {name for name in COMMANDS if option(name, "--dry-run")}
    assert with_diff - WRITES == {"migrate storage"}  # the API server's dry run
    listing = {name for name in COMMANDS if option(name, "-o")}
    assert listing <= LISTS


# --- what they do ---------------------------------------------------------------------------


def kopfkit(where: Path, *words: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(where),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main(list(words))
    code = ended.value.code or 0
    assert isinstance(code, int), code
    return code, out.getvalue(), err.getvalue()


def tree(place: Path) -> dict[str, bytes]:
    files = [path for path in place.rglob("*") if path.is_file()]
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


NEW = ["init", "--domain", "example.org", "--project-name", "cache", "--date", "2026-11-29"]
API = ["create", "api", "--group", "cache", "--version", "v1alpha1", "--kind", "Memcached"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    for words in (NEW, API):
        code, _, said = kopfkit(place, *words)
        assert code == 0, said
    return place


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    place = tmp_path / "checkout"
    frozen.write_sources(place)
    return place


def agrees(place: Path, *words: str) -> str:
    """Asserts that a dry run writes nothing and that its diff is what the command does."""
    copy = place.with_name(f"{place.name}-applied")
    shutil.copytree(place, copy)
    before = tree(place)
    code, text, said = kopfkit(place, *words, "--dry-run")
    assert code == 0, said
    assert tree(place) == before
    # Nothing but the diff: a copy becomes what the command makes of the original.
    done = subprocess.run(
        ["git", "apply", "--allow-empty", "-"], cwd=copy, input=text.encode(), capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    code, _, said = kopfkit(place, *words)
    assert code == 0, said
    assert tree(place) == tree(copy)
    return text


def test_the_diff_of_a_new_project_makes_the_project(tmp_path: Path) -> None:
    place = tmp_path / "project"
    place.mkdir()
    assert "new file mode" in agrees(place, *NEW)


@pytest.mark.parametrize(
    "words",
    [
        [*API[:-1], "Redis"],
        [*API[:5], "v1", *API[6:]],
        ["create", "webhook", *API[2:], "--validation"],
        ["edit", "--owner", "Somebody else", "--license", "none"],
        ["manifests"],
        ["bundle", "generate"],
        ["bundle", "generate", "--output", "elsewhere"],
        ["catalog", "generate"],
        ["catalog", "graph", "--output", "graph.svg"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_diff_of_a_dry_run_is_what_the_command_does_to_a_project(
    project: Path, words: list[str]
) -> None:
    assert agrees(project, *words) != "Nothing would change.\n"
    # And a second time there is nothing to do.
    if words[0] in ("manifests", "bundle", "catalog", "edit"):
        assert kopfkit(project, *words, "--dry-run")[1] == "Nothing would change.\n"


@pytest.mark.parametrize("words", [["manifests"], ["bundle", "generate"], ["catalog", "generate"]])
def test_a_dry_run_shows_what_changes_and_what_goes(checkout: Path, words: list[str]) -> None:
    assert kopfkit(checkout, *words)[0] == 0
    place = checkout / words[0].replace("manifests", "config")
    files = sorted(each for each in place.rglob("*.yaml") if b"kopfkit" in each.read_bytes()[:200])
    files[0].with_name("former.yaml").write_bytes(files[0].read_bytes())
    files[0].write_bytes(files[0].read_bytes().rstrip(b"\n"))
    text = agrees(checkout, *words)
    assert "deleted file mode" in text
    assert "\\ No newline at end of file" in text


def test_a_dry_run_refuses_what_the_command_refuses(checkout: Path) -> None:
    (checkout / "bundle.Dockerfile").write_text("FROM scratch\n")
    for more in ([], ["--dry-run"]):
        code, text, said = kopfkit(checkout, "bundle", "generate", *more)
        assert (code, text) == (1, "")
        assert "bundle.Dockerfile: would be overwritten but was not generated" in said


def test_the_diff_of_an_import_is_what_is_written(checkout: Path, tmp_path: Path) -> None:
    assert kopfkit(checkout, "catalog", "generate")[0] == 0
    place = tmp_path / "other"
    place.mkdir()
    agrees(
        place, "catalog", "import", str(checkout / "catalog/helloworld-operator"), "--output", "."
    )


def paths(found: Any, prefix: str = "") -> Iterator[str]:
    """Every field of a document, as "findings[].why"."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield f"{prefix}{key}"
            yield from paths(value, f"{prefix}{key}.")
    elif isinstance(found, list):
        for value in found:
            yield from paths(value, f"{prefix.removesuffix('.')}[].")


def documented(root: Path) -> dict[str, set[str]]:
    """The names in each command's row of output.md."""
    rows: dict[str, set[str]] = {}
    text = (root / "docs/reference/output.md").read_text()
    for name, fields in re.findall(r"^\| `([a-z ]+)` \| (.*) \|$", text, re.MULTILINE):
        alike = re.match(r"as `([a-z ]+)`", fields)
        rows[name] = rows[alike[1]] if alike else set(re.findall(r"`([a-zA-Z]+)(?:\[\])?`", fields))
    return rows


def test_every_command_that_lists_has_its_fields_documented(root: Path) -> None:
    assert documented(root).keys() == LISTS


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("doctor", ["doctor", "."], 1),
        ("tools list", ["tools", "list"], 0),
        ("cluster status", ["cluster", "status", "--name", "does-not-exist"], 1),
        ("catalog graph", ["catalog", "graph"], 0),
        ("catalog validate", ["catalog", "validate", "catalog/helloworld-operator", "--no-opm"], 0),
        ("simulate upgrade", ["simulate", "upgrade", "0.2.0", "0.3.0"], 0),
        ("simulate preflight", ["simulate", "preflight", "0.4.0", "--objects", "objects"], 3),
        ("scorecard", ["scorecard", "--list"], 0),
    ],
)  # fmt: skip
def test_the_fields_of_a_document_are_the_documented_ones(
    checkout: Path, root: Path, name: str, words: list[str], code: int
) -> None:
    frozen.generate(checkout)
    (checkout / "objects").mkdir()
    (checkout / "objects/one.yaml").write_text(OBJECT)
    form = "--format" if name == "catalog graph" else "-o"
    found = {}
    for each in ("json", "yaml"):
        done, text, said = kopfkit(checkout, *words, form, each)
        assert done == code, said
        found[each] = json.loads(text) if each == "json" else yamls.load(text)
    assert found["json"] == found["yaml"]
    fields = {one.rpartition(".")[2] for one in paths(found["json"])}
    assert fields
    assert fields <= documented(root)[name]


OBJECT = """\
apiVersion: test.jiaozi.com/v1
kind: HelloWorld
metadata: {name: one, namespace: default}
spec: {replicas: -1}
"""
