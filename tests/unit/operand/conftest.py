"""Greeting servers and commands as the processes that pods run: real sockets, files and signals."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator import cli


@dataclass
class Keeper:
    """A running greeting server with a guest book."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: str | bytes | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request; `headers` by name with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def sign(self, message: str, name: str = "") -> int:
        """Write an entry; the status of the answer."""
        body = json.dumps({"message": message, "name": name})
        return self.ask("POST", "/guestbook", body, Content_Type="application/json")[0]

    def book(self, query: str = "") -> Any:
        """The guest book as it is answered."""
        status, _, text = self.ask("GET", f"/guestbook{query}")
        assert status == 200, text
        return json.loads(text)

    def messages(self) -> list[str]:
        """All messages of the newest page, the oldest first."""
        return [entry["message"] for entry in reversed(self.book()["entries"])]

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self._end()

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        self._end()
        return self.process.returncode

    def _end(self) -> None:
        self.process.wait(20)
        if self.process.stderr is not None:
            self.process.stderr.close()


def start(directory: Path | None, **environment: str) -> "subprocess.Popen[str]":
    """Start a greeting server; it may still be starting."""
    data = {"DATA_DIR": str(directory)} if directory is not None else {}
    return subprocess.Popen(
        [sys.executable, "-m", "helloworld_operator", "serve"],
        env={**os.environ, "PORT": "0", "GREETING_MESSAGE": "hi", **data, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def port_of(process: "subprocess.Popen[str]") -> int:
    """The port it says it listens on."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "on port" in line:
            return int(line.split()[-1])
    raise AssertionError(said)


Keep = Callable[..., Keeper]


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Starts greeting servers on directories, and ends them after the test."""
    running: list[Keeper] = []

    def one(directory: Path | None, **environment: str) -> Keeper:
        process = start(directory, **environment)
        try:
            port = port_of(process)
        except AssertionError:
            Keeper(process, 0).kill()
            raise
        running.append(Keeper(process, port))
        return running[-1]

    yield one
    for keeper in running:
        if keeper.process.poll() is None:
            keeper.kill()


@dataclass
class Ended:
    """A command that has ended, and what it told the kubelet."""

    code: int
    text: str
    told: dict[str, Any]


Command = Callable[..., Ended]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs `helloworld-operator` with arguments to its end, in this process."""
    log = tmp_path / "termination-log"
    monkeypatch.setenv("TERMINATION_LOG", str(log))

    def run(*arguments: object) -> Ended:
        log.write_text("")
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main([str(each) for each in arguments])
        told, code = log.read_text(), ended.value.code or 0
        assert isinstance(code, int)
        return Ended(code, "".join(capfd.readouterr()), json.loads(told) if told else {})

    return run
