"""Whatever a bundle or a catalog is, the commands end soon, with a sentence and no traceback.

The large ones run in a process of its own whose memory and processor time are limited.
"""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError

Make = Callable[[Path], None]
# Bytes and seconds of one command: far from what it needs, and far from what a machine has.
MEMORY, PROCESSOR = 2 << 30, 60

PACKAGE = "schema: olm.package\nname: shop\ndefaultChannel: stable\n---\n"
CHANNEL = "schema: olm.channel\npackage: shop\nname: stable\nentries:\n"
BUNDLE = """\
---
schema: olm.bundle
package: shop
name: shop.v{0}
image: example.com/shop:v{0}
properties: [{{type: olm.package, value: {{packageName: shop, version: {0}}}}}]
"""
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


def limited(*words: str) -> tuple[int, str]:
    """A command in a process with limits: exit code and what it says."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR))

    done = subprocess.run(
        [sys.executable, "-c", "from kopfkit.cli import main; main()", *words],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    return done.returncode, done.stdout + done.stderr


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(kopfkit, words)
    if isinstance(done.exception, KopfkitError):
        return 1, f"error: {done.exception}"
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.output


def chain(count: int, more: str = "") -> str:
    """A catalog with a channel of so many releases, each replacing the one below."""
    entries = "".join(
        f"- name: shop.v1.{n}.0\n" + (f"  replaces: shop.v1.{n - 1}.0\n{more}" if n else "")
        for n in range(count)
    )
    return PACKAGE + CHANNEL + entries + "".join(BUNDLE.format(f"1.{n}.0") for n in range(count))


def file(text: str | bytes) -> Make:
    def make(place: Path) -> None:
        place.mkdir()
        data = text.encode() if isinstance(text, str) else text
        (place / "catalog.yaml").write_bytes(data)

    return make


def pipe(place: Path) -> None:
    place.mkdir()
    os.mkfifo(place / "catalog.yaml")


def loop(place: Path) -> None:
    place.mkdir()
    (place / "catalog.yaml").symlink_to("catalog.yaml")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (file(PACKAGE + CHANNEL + "- name: [\n"), "catalog.yaml:10: is not YAML"),
        (file('{"schema": "olm.package",\n "name": \n'), "catalog.yaml:3: is not YAML"),
        (file(PACKAGE + "- 7\n"), "catalog.yaml:5: is not an object"),
        (file(PACKAGE + "a: b\n"), "catalog.yaml:5: schema: is missing"),
        (file(b"\x7fELF\x02\x01\x01\x00\x00"), "catalog.yaml:1: is not text"),
        (file(PACKAGE + "x: y\n\t- a: b"), "catalog.yaml:6: is not YAML"),
        (file("schema: x\nschema: y\n"), "catalog.yaml:2: the key 'schema' is there twice"),
        (file("a: " + "[" * 5000), "catalog.yaml:1: is not YAML: exceeded maximum nesting"),
        (file(LAUGHS), "aliases stand for"),
        (file("a: &a [*a]\n"), "catalog.yaml:1: the anchor 'a' contains itself"),
        (pipe, "catalog.yaml: is not a regular file"),
        (loop, "catalog.yaml: is not a regular file"),
    ],
    ids=[
        "broken blob", "half a blob", "a number", "no schema", "binary", "mixed", "twice", "deep",
        "laughs", "itself", "pipe", "loop",
    ],
)  # fmt: skip
def test_a_catalog_that_cannot_be_read_is_a_sentence_with_its_line(
    tmp_path: Path, make: Make, told: str
) -> None:
    make(tmp_path / "catalog")
    for command in (("validate", "--no-opm"), ("graph",), ("import", "--output", str(tmp_path))):
        code, said = run("catalog", *command, str(tmp_path / "catalog"))
        # What can be read is drawn, with a warning.
        drawn = command == ("graph",) and "stable (default)" in said
        assert code == (0 if drawn else 1), said
        assert f"{'warning' if drawn else 'error'}: {tmp_path / 'catalog'}" in said
        assert told in said


def test_a_circle_is_a_sentence(tmp_path: Path) -> None:
    circle = chain(4).replace(
        "- name: shop.v1.0.0\n", "- name: shop.v1.0.0\n  replaces: shop.v1.2.0\n"
    )
    file(circle)(tmp_path / "catalog")
    code, said = run("catalog", "validate", "--no-opm", str(tmp_path / "catalog"))
    assert code == 1
    assert "has a cycle of replaces (1.2.0 -> 1.1.0 -> 1.0.0 -> 1.2.0)" in said
    assert run("catalog", "graph", str(tmp_path / "catalog"))[0] == 0


@pytest.mark.parametrize("form", ["tree", "svg"])
def test_ten_thousand_edges_are_judged_and_drawn(tmp_path: Path, form: str) -> None:
    file(chain(10_000))(tmp_path / "catalog")
    if form == "tree":
        code, said = limited("catalog", "validate", "--no-opm", str(tmp_path / "catalog"))
        assert (code, said) == (0, "catalog: valid (kopfkit's checks)\n")
    code, said = limited("catalog", "graph", "--format", form, str(tmp_path / "catalog"))
    assert (code, "1.9999.0" in said) == (0, True)


def test_ranges_that_make_eighty_thousand_edges_are_judged_and_drawn(tmp_path: Path) -> None:
    file(chain(400, "  skipRange: '>=1.0.0'\n"))(tmp_path / "catalog")
    code, said = limited("catalog", "validate", "--no-opm", str(tmp_path / "catalog"))
    assert code == 0
    assert "makes 1.395.0, 1.396.0, 1.397.0, 1.398.0, 1.399.0 upgrade down to 1.394.0" in said
    code, said = limited("catalog", "graph", str(tmp_path / "catalog"))
    assert (code, "398 by skipRange" in said) == (0, True)


def test_what_is_larger_than_any_catalog_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    with (tmp_path / "catalog" / "huge.yaml").open("wb") as sparse:
        sparse.truncate(1 << 40)
    code, said = limited("catalog", "validate", "--no-opm", str(tmp_path / "catalog"))
    assert code == 1
    assert "huge.yaml: is larger than 256 MiB" in said


def test_megabytes_of_yaml_take_bounded_memory(tmp_path: Path) -> None:
    blob = "---\nschema: other\ntext: " + "x" * 900_000 + "\n"
    file(chain(2) + blob * 60)(tmp_path / "catalog")
    assert limited("catalog", "validate", "--no-opm", str(tmp_path / "catalog"))[0] == 0


def cut(place: Path) -> None:
    (csv,) = place.glob("manifests/*clusterserviceversion.yaml")
    csv.write_bytes(csv.read_bytes()[:5000] + b"\n[")


def twice(place: Path) -> None:
    (csv,) = place.glob("manifests/*clusterserviceversion.yaml")
    shutil.copy(csv, place / "manifests/another.yaml")


def without(place: Path) -> None:
    (csv,) = place.glob("manifests/*clusterserviceversion.yaml")
    csv.unlink()


def laughs(place: Path) -> None:
    (place / "manifests/laughs.yaml").write_text(LAUGHS, "utf-8")


def huge(place: Path) -> None:
    with (place / "manifests/huge.yaml").open("wb") as sparse:
        sparse.truncate(1 << 40)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (cut, "clusterserviceversion.yaml"),
        (twice, "2 ClusterServiceVersions"),
        (without, "0 ClusterServiceVersions"),
        (laughs, "laughs.yaml"),
        (huge, "huge.yaml"),
    ],
)
def test_half_a_bundle_is_a_sentence(
    frozen_checkout: Path, tmp_path: Path, harm: Make, told: str
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(frozen_checkout / "bundle", bundle)
    good = str(frozen_checkout / "bundle")
    harm(bundle)
    offline = ("--no-api-server", "--skip", "operator-sdk")
    (tmp_path / "objects.yaml").write_text("{}", "utf-8")
    for words in (
        ("bundle", "validate", *offline, str(bundle)),
        ("simulate", "upgrade", good, str(bundle)),
        ("simulate", "preflight", str(bundle), "--objects", str(tmp_path / "objects.yaml")),
    ):
        code, said = run(*words) if harm is not huge else limited(*words)
        assert code == 1, (words, said)
        if words[1] != "preflight" or harm not in (twice, without):
            assert told.lower() in said.lower(), words


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("bundle", "validate", "x/y"), "is neither a directory nor the name of an image"),
        (("catalog", "graph", "nowhere"), "nowhere: does not exist"),
        (("catalog", "validate", "--no-opm", "nowhere"), "nowhere: does not exist"),
        (
            ("simulate", "upgrade", "nowhere", "nothing"),
            "is neither a directory, an image nor a release",
        ),
        (("simulate", "upgrade", "--catalog", "nowhere", "a", "b"), "nowhere: does not exist"),
        (
            ("simulate", "preflight", "nowhere", "--objects", "."),
            "is neither a directory, an image",
        ),
    ],
)
def test_what_is_not_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(*words)
    assert code == 1
    assert told in said
