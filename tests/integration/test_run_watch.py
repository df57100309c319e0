"""`kopfkit run local --watch` on a copy of this operator, whose files are edited while it runs."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kopfkit.host import daemon
from kopfkit.testing.waiting import eventually
from localruns import CRD, ROOT, Start, World, running, starting

STARTS = "changed: starting again"


@pytest.fixture(scope="module")
def plane_and_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory) as made:
        yield made


@pytest.fixture
def world(plane_and_state: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The control plane with the CRD as `make install` leaves it."""
    monkeypatch.chdir(ROOT)
    plane_and_state.install()
    return plane_and_state


class Checkout:
    """A copy of this operator's sources.

    Args:
        root: its directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = root / "operator" / "helloworld_operator"
        shutil.copytree(ROOT / "operator", root / "operator")
        (root / "catalog").mkdir()
        for name in ("pyproject.toml", "catalog/releases.yaml"):
            shutil.copy(ROOT / name, root / name)

    def append(self, name: str, text: str) -> None:
        """Save a file of the package with more at its end, as an editor does: all at once."""
        path = self.package / name
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_text(f"{path.read_text()}\n{text}\n")
        fresh.replace(path)

    def replace(self, name: str, old: str, new: str) -> None:
        """Save a file with a text exchanged that it has."""
        path = self.package / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


@pytest.fixture
def start(world: World, checkout: Checkout) -> Iterator[Start]:
    """Start `kopfkit run local --watch` in the checkout."""
    with starting(world, "--watch", root=checkout.root) as new:
        yield new


def properties(world: World) -> Any:
    """The fields of spec in v1, as the cluster has them."""
    versions = world.api.get(CRD)["spec"]["versions"]
    (v1,) = (each for each in versions if each["name"] == "v1")
    return v1["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def test_a_saved_file_starts_both_processes_again_with_its_code(
    start: Start, checkout: Checkout, world: World
) -> None:
    run = start().ready()
    before = run.children()
    checkout.append("cli.py", 'print("saved", flush=True)')
    run.line("cli.py changed: starting again")
    run.line("operator | saved")
    run.ready()
    after = run.children()
    assert set(after) == set(before) == {"webhook", "run"}
    assert not set(after.values()) & set(before.values())
    assert run.interrupt() == 0
    assert list(daemon.owned(world.state)) == []
    assert "Traceback" not in run.output


def test_a_burst_of_saves_is_one_restart_and_an_unchanged_file_none(
    start: Start, checkout: Checkout
) -> None:
    run = start().ready()
    os.utime(checkout.package / "cli.py")
    (checkout.package / "4913").touch()  # an editor asks whether it may write here
    (checkout.package / "4913").unlink()
    # Stopped meanwhile, it finds all of them at once, however slowly a busy machine writes them.
    run.process.send_signal(signal.SIGSTOP)
    for number in range(50):
        checkout.append("cli.py", f'print("saved {number}", flush=True)')
    run.process.send_signal(signal.SIGCONT)
    run.line("operator | saved 49")
    run.ready()
    checkout.append("cli.py", 'print("the last one", flush=True)')
    run.line("operator | the last one")
    assert run.output.count(STARTS) == 2


def test_a_syntax_error_is_told_and_what_runs_stays_until_the_next_save(
    start: Start, checkout: Checkout
) -> None:
    run = start().ready()
    before = run.children()
    good = (checkout.package / "cli.py").read_text()
    checkout.append("cli.py", "def broken(:")
    line = run.line("SyntaxError")
    assert f"{checkout.package / 'cli.py'}:{len(good.splitlines()) + 2}: SyntaxError" in line
    assert run.children() == before
    (checkout.package / "cli.py").write_text(f'{good}print("mended", flush=True)\n')
    run.line("operator | mended")
    run.ready()


def test_a_file_that_cannot_be_imported_waits_for_the_next_save(
    start: Start, checkout: Checkout, world: World
) -> None:
    run = start().ready()
    good = (checkout.package / "cli.py").read_text()
    checkout.append("cli.py", 'raise RuntimeError("half written")')
    run.line("exited with status 1; starts again with the next saved file")
    eventually(lambda: not run.children())
    assert run.process.poll() is None
    (checkout.package / "cli.py").write_text(good)
    run.ready()
    # Also where the description cannot be imported, and from the start.
    assert run.interrupt() == 0
    checkout.append("cli.py", 'raise RuntimeError("half written")')
    run = start()
    run.line("starts again with the next saved file")
    (checkout.package / "cli.py").write_text(good)
    run.ready()
    assert run.interrupt() == 0
    assert list(daemon.owned(world.state)) == []


def test_a_changed_type_changes_the_crd_in_the_cluster_and_the_conversion_stays(
    start: Start, checkout: Checkout, world: World
) -> None:
    run = start().ready()
    conversion = world.conversion()
    assert "service" not in world.client_config()
    said = properties(world)["image"]["description"]
    checkout.replace("api/common.py", "Container image", "The container image")
    run.line("the description has changed")
    run.ready()
    assert properties(world)["image"]["description"] == said.replace("Container", "The container")
    assert world.conversion() == conversion
    # Started by the same process, which still ends as it should.
    assert set(run.children()) == {"webhook", "run"}
    assert run.interrupt() == 0
    assert list(daemon.owned(world.state)) == []
    assert "Traceback" not in run.output


def test_a_description_that_cannot_be_read_is_told_and_the_next_save_recovers(
    start: Start, checkout: Checkout
) -> None:
    run = start().ready()
    good = (checkout.package / "project.py").read_text()
    checkout.append("project.py", "undefined_name")
    told = run.line("project.py:")
    assert "NameError: name 'undefined_name' is not defined" in told
    (checkout.package / "project.py").write_text(good)
    run.line(STARTS)
    run.ready()


def test_ctrl_c_while_it_starts_again_leaves_nothing(
    start: Start, checkout: Checkout, world: World
) -> None:
    # Steps of a restart: about to end, ended, generating, and begun anew from the description.
    for number, wait in enumerate((0.1, 0.4, 1.0, 2.0, 3.0)):
        run = start().ready()
        checkout.replace("api/common.py", '"Container image', f'"Container {number} image')
        time.sleep(wait)
        status = run.interrupt()
        assert status in (0, 130), run.output
        assert list(daemon.owned(world.state)) == []
        assert "Traceback" not in run.output
        checkout.replace("api/common.py", f'"Container {number} image', '"Container image')


def test_a_killed_run_leaves_no_process_behind(
    start: Start, checkout: Checkout, world: World
) -> None:
    run = start().ready()
    checkout.append("cli.py", "# more")
    run.line(STARTS)
    run.process.send_signal(signal.SIGKILL)
    run.wait()
    eventually(lambda: not list(daemon.owned(world.state)))
