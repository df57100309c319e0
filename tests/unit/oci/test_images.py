"""Images without an engine: the same files give the same bytes, and a Dockerfile is obeyed."""

import gzip
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.oci.assembly import Base, assemble, platform
from kopfkit.oci.dockerfile import read
from kopfkit.oci.layers import Placed, pack
from kopfkit.oci.layout import Layout

DOCKERFILE = """\
# A comment.
ARG BASE=example.com/python:3
FROM ${BASE}
ARG VERSION=0.0.0
LABEL title="an operator" \\
      version="${VERSION}"
COPY files /opt/app/
ENV PYTHONPATH=/opt/app
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["python3", "-m", "app"]
CMD ["run"]
"""
AMD64 = platform("linux/amd64")
ARM64 = platform("linux/arm64")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    place = tmp_path / "context"
    (place / "files" / "pkg").mkdir(parents=True)
    (place / "files" / "pkg" / "one.py").write_text("ONE = 1\n")
    (place / "files" / "pkg" / "two.py").write_text("TWO = 2\n")
    (place / "files" / "run").write_text("#!/bin/sh\n")
    (place / "files" / "run").chmod(0o700)
    (place / "files" / "link").symlink_to("run")
    return place


def members(path: Path) -> dict[str, tarfile.TarInfo]:
    with gzip.open(path) as packed, tarfile.open(fileobj=packed) as tar:
        return {one.name: one for one in tar}


def touch(root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)


def umask(root: Path) -> None:
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() or path.stat().st_mode & 0o100 else 0o600)


def rewrite(root: Path) -> None:
    """The same files, written in another order."""
    for path in sorted((root / "files" / "pkg").iterdir(), reverse=True):
        text = path.read_text()
        path.unlink()
        path.write_text(text)


@pytest.mark.parametrize("disturb", [touch, umask, rewrite])
def test_times_modes_and_order_on_the_disk_do_not_change_a_layer(
    context: Path, tmp_path: Path, disturb: Callable[[Path], None]
) -> None:
    first = pack([Placed(context, "/opt")], epoch=0, directory=tmp_path)
    disturb(context)
    second = pack([Placed(context, "/opt")], epoch=0, directory=tmp_path)
    assert second.digest == first.digest
    assert second.diff_id == first.diff_id


def test_the_order_in_which_files_are_named_does_not_change_a_layer(
    context: Path, tmp_path: Path
) -> None:
    placed = [Placed(context / "files" / "pkg", "/opt/b"), Placed(context / "files", "/opt/a")]
    first = pack(placed, epoch=0, directory=tmp_path)
    assert pack(placed[::-1], epoch=0, directory=tmp_path).digest == first.digest


def test_another_content_is_another_layer(context: Path, tmp_path: Path) -> None:
    first = pack([Placed(context, "/opt")], epoch=0, directory=tmp_path)
    (context / "files" / "pkg" / "one.py").write_text("ONE = 2\n")
    assert pack([Placed(context, "/opt")], epoch=0, directory=tmp_path).digest != first.digest


def test_a_layer_belongs_to_root_and_can_be_read_by_everybody(
    context: Path, tmp_path: Path
) -> None:
    umask(context)
    found = members(pack([Placed(context, "/opt/app")], epoch=7, directory=tmp_path).path)
    assert {(one.uid, one.gid, one.mtime) for one in found.values()} == {(0, 0, 7)}
    assert oct(found["opt/app/files/pkg/one.py"].mode) == "0o644"
    assert oct(found["opt/app/files/run"].mode) == "0o755"
    assert oct(found["opt/app/files"].mode) == "0o755"
    assert found["opt/app/files/link"].linkname == "run"


def test_tmp_stays_open_to_everybody_when_a_layer_passes_through_it(
    context: Path, tmp_path: Path
) -> None:
    placed = Placed(context / "files", "/tmp/cache", (1001, 0), exact=True)
    found = members(pack([placed], epoch=0, directory=tmp_path).path)
    assert oct(found["tmp"].mode) == "0o1777"
    assert (found["tmp"].uid, found["tmp/cache"].uid) == (0, 1001)
    assert oct(found["tmp/cache/run"].mode) == "0o700"


def test_a_dockerfile_becomes_an_image_for_each_platform(context: Path, tmp_path: Path) -> None:
    recipe = read("Dockerfile", DOCKERFILE, {"VERSION": "1.2.3"})
    root = tmp_path / "root"
    (root / "usr").mkdir(parents=True)
    base = Base(recipe.base, root=root, settings={"Env": ["PATH=/usr/bin"], "Cmd": ["sh"]})
    layout = Layout(tmp_path / "layout")
    layout.begin()
    made = [
        assemble(recipe, layout, context=context, on=on, epoch=86400, base=base)
        for on in (AMD64, ARM64)
    ]
    digest = layout.finish(made, {})
    assert layout.digest() == digest
    assert [one["platform"]["architecture"] for one in layout.images()] == ["amd64", "arm64"]
    assert layout.faults() == []
    config = layout.get(layout.get(made[1]["digest"])["config"]["digest"])
    assert config["created"] == "1970-01-02T00:00:00Z"
    assert config["config"] == {
        "Labels": {"title": "an operator", "version": "1.2.3"},
        "Env": ["PATH=/usr/bin", "PYTHONPATH=/opt/app"],
        "User": "65532:65532",
        "ExposedPorts": {"8080/tcp": {}},
        "Entrypoint": ["python3", "-m", "app"],
        "Cmd": ["run"],
    }
    assert len(config["rootfs"]["diff_ids"]) == 2


def test_an_image_starts_from_the_layers_of_another(context: Path, tmp_path: Path) -> None:
    below = Layout(tmp_path / "below")
    below.begin()
    recipe = read("Dockerfile", "FROM scratch\nCOPY files /a/\nENV A=1\n", {})
    below.finish([assemble(recipe, below, context=context, on=AMD64, epoch=0)], {})
    above = Layout(tmp_path / "above")
    above.begin()
    recipe = read("Dockerfile", "FROM below\nCOPY files/run /b/\nENV B=2\n", {})
    made = assemble(recipe, above, context=context, on=AMD64, epoch=0, base=Base("below", below))
    manifest = above.get(made["digest"])
    assert above.get(manifest["config"]["digest"])["config"]["Env"] == ["A=1", "B=2"]
    assert "b/run" in members(above.blob(manifest["layers"][1]["digest"]))
    assert "a/run" in members(above.blob(manifest["layers"][0]["digest"]))


def test_a_new_entrypoint_takes_the_command_of_the_base_away(context: Path, tmp_path: Path) -> None:
    recipe = read("Dockerfile", 'FROM base\nENTRYPOINT ["app"]\n', {})
    base = Base("base", root=context, settings={"Entrypoint": ["sh"], "Cmd": ["-l"]})
    layout = Layout(tmp_path / "layout")
    layout.begin()
    made = assemble(recipe, layout, context=context, on=AMD64, epoch=0, base=base)
    config = layout.get(layout.get(made["digest"])["config"]["digest"])
    assert config["config"] == {"Entrypoint": ["app"]}


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../../secret",
        "../../../secret",
        "/etc/passwd",
        "sha256:" + "A" * 64,
        "sha512:" + "a" * 128,
        "sha256:" + "a" * 64 + "\n",
        "a" * 64,
        "",
        7,
    ],
)
@pytest.mark.parametrize("place", ["manifest", "configuration", "layer"])
def test_what_is_no_digest_is_refused_before_it_is_a_path(
    context: Path, tmp_path: Path, place: str, digest: Any
) -> None:
    (tmp_path / "secret").write_text("{}")
    base, target = Layout(tmp_path / "base"), Layout(tmp_path / "target")
    base.begin()
    target.begin()
    image = assemble(
        read("Dockerfile", "FROM scratch\nCOPY files /a/\n", {}),
        base,
        context=context,
        on=AMD64,
        epoch=1,
    )
    manifest = base.get(image["digest"])
    if place == "configuration":
        manifest["config"]["digest"] = digest
    elif place == "layer":
        manifest["layers"][0]["digest"] = digest
    image = base.put(manifest, image["mediaType"])
    base.finish([{**image, "digest": digest} if place == "manifest" else image], {})
    with pytest.raises(KopfkitError) as caught:
        assemble(
            read("Dockerfile", "FROM base\nCOPY files /b/\n", {}),
            target,
            context=context,
            on=AMD64,
            epoch=1,
            base=Base("base", layout=base),
        )
    assert f"digest {str(digest)[:100]!r}: is not sha256:" in str(caught.value)
    blobs = tmp_path / "target" / "blobs" / "sha256"
    assert [*blobs.iterdir()] == []


def test_a_blob_that_was_changed_is_found(context: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    layout.begin()
    recipe = read("Dockerfile", "FROM scratch\nCOPY files /a/\n", {})
    made = assemble(recipe, layout, context=context, on=AMD64, epoch=0)
    layout.finish([made], {})
    layout.blob(made["digest"]).write_text(json.dumps({}))
    [fault] = layout.faults()
    assert made["digest"].removeprefix("sha256:") in fault


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("FROM a\nRUN apt-get update\n", "line 2"),
        ("FROM a AS b\n", "FROM takes one image"),
        ("FROM a\nFROM b\n", "second FROM"),
        ("FROM a\nCOPY --from=b x /y\n", "no options"),
        ("FROM a\nCOPY x y\n", "absolute"),
        ("FROM a\nVOLUME /x\n", "VOLUME is not known"),
        ("LABEL a=b\n", "no FROM"),
    ],
)
def test_what_needs_an_engine_is_refused_with_its_place(text: str, word: str) -> None:
    with pytest.raises(KopfkitError) as refused:
        read("Dockerfile", text, {})
    assert word in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    layout.begin()
    recipe = read("Dockerfile", "FROM scratch\nCOPY missing /a/\n", {})
    with pytest.raises(KopfkitError, match="missing: does not exist"):
        assemble(recipe, layout, context=tmp_path, on=AMD64, epoch=0)


def test_a_run_line_without_a_result_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    layout.begin()
    recipe = read("Dockerfile", 'FROM scratch\nRUN ["make"]\n', {})
    with pytest.raises(KopfkitError, match="only be run by an engine"):
        assemble(recipe, layout, context=tmp_path, on=AMD64, epoch=0)


def test_an_unknown_platform_is_refused() -> None:
    with pytest.raises(KopfkitError, match="linux/arm64"):
        platform("windows/amd64")
