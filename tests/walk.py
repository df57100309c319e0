"""Somebody who follows a page of docs/: writes its files, runs its commands, reads what they print.

What a page's blocks mean:

- a block of any language with `file=NAME` is the file's content, whole;
- `diff` is a patch;
- `console` has commands after `$ `, each with a part of what it prints: lines in their order, where
  `...` stands for anything;
- `console fails`: its last command has to fail;
- `console terminal=2` is typed in another terminal. What runs there is ended when its next command
  is typed, at `^C`, and at the page's end; it may not have ended by itself.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pages
from kopfkit.testing.waiting import eventually

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INTERRUPT = "^C"
_COMMAND = re.compile(r"^\$ ([^\n]*)\n((?:(?!\$ )[^\n]*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One step of a page.

    Attributes:
        file: which is to be written with the text.
        patch: whether the text is a patch.
        command: that is to be run, and prints the text.
        fails: whether it has to fail.
        apart: whether it runs in another terminal.
    """

    text: str
    file: str = ""
    patch: bool = False
    command: str = ""
    fails: bool = False
    apart: bool = False


def steps(page: str) -> Iterator[Step]:
    """The steps of a page.

    Args:
        page: its path in docs/.
    """
    for language, words, text in _BLOCK.findall((pages.DOCS / page).read_text("utf-8")):
        options = words.split()
        for word in options:
            if word.startswith("file="):
                yield Step(text, file=word.removeprefix("file="))
        if language == "diff":
            yield Step(text, patch=True)
        if language == "console":
            if text.strip() == _INTERRUPT:
                yield Step("", command=_INTERRUPT, apart=True)
            commands = _COMMAND.findall(text)
            for number, (command, said) in enumerate(commands, 1):
                fails = "fails" in options and number == len(commands)
                yield Step(said, command=command, fails=fails, apart="terminal=2" in options)


def check_said(said: str, output: str) -> None:
    """Compare what a page shows with what was printed.

    Raises:
        AssertionError: a line of the page is not there, or not in its place.
    """
    rest = output.splitlines()
    for line in said.splitlines():
        if not line.replace("...", "").strip():
            continue
        words = (re.escape(word).replace(r"\.\.\.", ".*") for word in line.split())
        # What stands for anything may stand for nothing, and for what has no space around it.
        spaced = r"\s+".join(words).replace(r".*\s+", r".*\s*").replace(r"\s+.*", r"\s*.*")
        wanted = re.compile(spaced)
        while rest and not wanted.search(rest[0]):
            del rest[0]
        assert rest, f"{line!r} of the page is not there, or before the line above it:\n{output}"


class Walk:
    """Somebody who follows pages in a folder.

    Args:
        path: the folder.
        environment: of the commands.
    """

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        who = {"NAME": "Somebody", "EMAIL": "somebody@example.org"}
        roles = ("AUTHOR", "COMMITTER")
        author = {f"GIT_{role}_{key}": value for role in roles for key, value in who.items()}
        self.path = path
        self.environment = {**environment, **author}
        self._apart: tuple[str, subprocess.Popen[bytes]] | None = None

    def follow(self, page: str, leave_out: Sequence[str] = ()) -> None:
        """Do what a page says, from its first line to its last.

        Args:
            page: its path in docs/.
            leave_out: how the commands begin that are not run.
        """
        try:
            for step in steps(page):
                if not step.command.startswith(tuple(leave_out)):
                    self._do(step)
        finally:
            self.end_apart()

    def _do(self, step: Step) -> None:
        if step.file:
            file = self.path / step.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(step.text, "utf-8")
        elif step.patch:
            patch = self.path.parent / "patch"
            patch.write_text(step.text, "utf-8")
            done = pages.run(["git", "apply", str(patch)], self.path, self.environment)
            assert done.returncode == 0, f"git apply:\n{done.stdout}{step.text}"
        elif step.command == _INTERRUPT:
            assert self._apart is not None, "nothing runs in the other terminal"
            self.end_apart()
        elif step.apart:
            self._start_apart(step)
        else:
            done = self.run(step.command)
            assert (done.returncode != 0) == step.fails, f"{step.command}:\n{done.stdout}"
            check_said(step.text, done.stdout)

    def prepare(self) -> None:
        """What comes before each command and is not on the page."""

    def run(self, command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command line to its end."""
        self.prepare()
        return pages.run(["bash", "-c", command], self.path, self.environment)

    def _start_apart(self, step: Step) -> None:
        self.end_apart()
        self.prepare()
        log = self.path.parent / "terminal"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", step.command],
                cwd=self.path,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._apart = (step.command, process)

        def said() -> bool:
            text = log.read_text()
            if process.poll() is not None:
                raise RuntimeError(f"{step.command} has ended:\n{text}")
            check_said(step.text, text)
            return True

        eventually(said)

    def end_apart(self) -> None:
        """Press Ctrl-C in the other terminal."""
        if self._apart is not None:
            command, process = self._apart
            self._apart = None
            ended = process.poll()
            log = (self.path.parent / "terminal").read_text
            if ended is None:
                os.killpg(process.pid, signal.SIGINT)
                try:
                    process.wait(120)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    raise AssertionError(f"{command} ignores Ctrl-C:\n{log()}") from None
            assert ended is None, f"{command} has ended by itself ({ended}):\n{log()}"
