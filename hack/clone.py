"""A clone of a checkout below the temporary directory, whose tests run there on its own code."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

# Seconds that an interrupted pytest gets to end its processes.
_GRACE = 30


class Refused(Exception):
    """What was asked for cannot be done; str() says why."""


class Clone:
    """The files of a checkout in a new directory.

    Args:
        directory: of the clone; must not exist.
        checkout: a checkout of git. Nothing is written there.
        commit: to clone; "" for the files as they are in the checkout, uncommitted changes too.

    Raises:
        Refused: git refuses.
    """

    def __init__(self, directory: Path, checkout: Path, commit: str = "") -> None:
        self.directory = directory
        # Borrows the checkout's objects instead of copying them.
        _git(checkout, "clone", "--quiet", "--shared", str(checkout), str(directory))
        if commit:
            known = _git(checkout, "rev-parse", "--verify", f"{commit}^{{commit}}").strip()
            _git(directory, "checkout", "--quiet", "--detach", known)
        else:
            self._overlay(checkout)
        self._sources = [directory / "operator", *sorted(directory.glob("*/src"))]
        # CI=true: a test that is skipped fails the run, and hypothesis does the same each time.
        path = os.pathsep.join(map(str, self._sources))
        self._environment = {**os.environ, "CI": "true", "PYTHONPATH": path}
        self._stamp = time.time()

    def _overlay(self, checkout: Path) -> None:
        listed = _git(checkout, "ls-files", "-zmo", "--exclude-standard").split("\0")
        for name in filter(None, listed):
            place = self.directory / name
            place.unlink(missing_ok=True)
            if (checkout / name).is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout / name, place)

    def check_imports(self, files: Collection[str]) -> None:
        """Raise Refused unless Python imports each of these files from the clone."""
        modules = []
        for path in (self.directory / file for file in files):
            source = next((one for one in self._sources if path.is_relative_to(one)), None)
            if source is None:
                raise Refused(f"{path.relative_to(self.directory)} is no module of a distribution")
            parts = path.relative_to(source).with_suffix("").parts
            modules.append(".".join(parts).removesuffix(".__init__"))
        code = (
            "import importlib.util as u, sys\nfor n in sys.argv[1:]: print(u.find_spec(n).origin)"
        )
        argv = [sys.executable, "-c", code, *modules]
        told = subprocess.check_output(argv, cwd=self.directory, env=self._environment, text=True)
        if others := set(told.splitlines()) - {str(self.directory / file) for file in files}:
            raise Refused(f"is not imported from the clone: {', '.join(sorted(others))}")

    @contextlib.contextmanager
    def with_text(self, file: str, text: str) -> Iterator[None]:
        """Give a file another text until the block ends."""
        before = (self.directory / file).read_bytes()
        try:
            self._write(self.directory / file, text.encode())
            yield
        finally:
            self._write(self.directory / file, before)

    def _write(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        # Python takes a compiled file for the source's by size and time, in whole seconds: no two
        # texts may have the same.
        self._stamp += 2
        os.utime(path, (self._stamp, self._stamp))

    def pytest(self, tests: Sequence[str], seconds: float) -> tuple[int | None, str]:
        """Run tests until the first one fails.

        Returns:
            pytest's exit code, None where it did not end in time; and what it printed.
        """
        # What hypothesis remembers of one mutant would help to find the next.
        shutil.rmtree(self.directory / ".hypothesis", ignore_errors=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=self.directory, env=self._environment, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            told, _ = process.communicate(timeout=seconds)
            return process.returncode, told
        except subprocess.TimeoutExpired:
            return None, ""
        finally:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """End a pytest: in order first, so that its fixtures end what they started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.communicate(timeout=_GRACE)


def _git(where: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(where), *words], capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"git {words[0]} failed: {done.stderr.strip()}")
    return done.stdout
