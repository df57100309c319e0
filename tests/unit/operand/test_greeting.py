"""The greeting server, as the process that a pod runs."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from helloworld_operator.operand import server as operand
from helloworld_operator.operand.handler import Handler

MESSAGE = 'नमस्ते, 世界 🌍 "quoted"'


@dataclass
class Server:
    process: "subprocess.Popen[str] | None"
    port: int

    def ask(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()


def _start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "helloworld_operator", *arguments],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "on port" in line, line
    return int(line.split()[-1])


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait(10)
    assert process.stderr is not None
    process.stderr.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    process = _start(
        "serve", PORT="0", GREETING_MESSAGE=MESSAGE, GREETING_LANGUAGE="mul", POD_NAME="pod-1"
    )
    try:
        yield Server(process, _port(process))
    finally:
        _end(process)


def test_the_message_arrives_unchanged_as_text(server: Server) -> None:
    status, headers, text = server.ask("GET", "/")

    assert (status, text) == (200, MESSAGE + "\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Language"] == "mul"


@pytest.mark.parametrize(
    "language", ["en\r\nSet-Cookie: a=b", "en\n", "en\r\n\r\n<script>", "\u65e5\u672c", "\x7f"]
)
def test_a_language_that_is_no_header_is_left_out_and_begins_no_other(language: str) -> None:
    # An object that was stored past the schema; a schema does not reach the server.
    process = _start("serve", PORT="0", GREETING_LANGUAGE=language, POD_NAME="pod-1")
    try:
        status, headers, text = Server(process, _port(process)).ask("GET", "/")
    finally:
        _end(process)

    assert (status, text) == (200, "Hello, World!\n")
    assert {"Set-Cookie", "Content-Language"}.isdisjoint(headers)


def test_json_is_answered_to_who_asks_for_it(server: Server) -> None:
    status, headers, text = server.ask("GET", "/?x=1", Accept="application/json")

    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(text) == {"message": MESSAGE, "language": "mul", "servedBy": "pod-1"}


@pytest.mark.parametrize("accept", ["*/*", "text/html,application/json", "", "image/png"])
def test_text_is_answered_to_everyone_else(server: Server, accept: str) -> None:
    assert server.ask("GET", "/", Accept=accept)[1]["Content-Type"].startswith("text/plain")


def test_head_says_what_get_would_without_a_body(server: Server) -> None:
    status, headers, text = server.ask("HEAD", "/")

    assert (status, text) == (200, "")
    assert int(headers["Content-Length"]) == len((MESSAGE + "\n").encode())


def test_health_is_ok(server: Server) -> None:
    assert server.ask("GET", "/healthz")[::2] == (200, "ok\n")


def test_other_paths_are_not_found(server: Server) -> None:
    assert server.ask("GET", "/nothing")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed_and_the_answer_says_which_are(
    server: Server, method: str
) -> None:
    status, headers, _ = server.ask(method, "/", "a body")

    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert server.ask("GET", "/")[0] == 200


def test_a_silent_client_does_not_keep_others_waiting(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)):
        assert server.ask("GET", "/")[0] == 200


def test_sigterm_ends_it_with_0() -> None:
    process = _start("serve", PORT="0", GREETING_MESSAGE="x")
    try:
        _port(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        _end(process)


def test_without_a_command_the_greeting_in_the_environment_is_served() -> None:
    process = _start(PORT="0", GREETING_MESSAGE="x")
    try:
        assert _port(process)
    finally:
        _end(process)


@pytest.mark.parametrize("port", ["nonsense", "70000"])
def test_a_bad_port_is_one_clear_line(port: str) -> None:
    process = _start("serve", PORT=port)
    try:
        _, text = process.communicate(timeout=20)
    finally:
        _end(process)

    assert process.returncode == 1
    assert text.startswith(f"error: PORT={port}: is not a port number")
    assert "Traceback" not in text


def test_a_taken_port_is_one_clear_line() -> None:
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    with socket.create_server(
        ("", 0), family=family, dualstack_ipv6=family == socket.AF_INET6
    ) as taken:
        port = taken.getsockname()[1]
        process = _start("serve", PORT=str(port))
        try:
            _, text = process.communicate(timeout=20)
        finally:
            _end(process)

    assert process.returncode == 1
    assert text.startswith(f"error: port {port}: cannot listen")


def test_it_imports_neither_kopf_nor_a_client_nor_aiohttp() -> None:
    code = (
        "import sys, helloworld_operator.cli, helloworld_operator.operand; "
        "heavy = ('kopf', 'kubernetes', 'aiohttp', 'asyncio'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_an_answer_does_not_wait_for_acknowledgements() -> None:
    accepted: list[bool] = []

    class Watched(operand.Server):
        daemon_threads = False  # closing the server waits for them

        def shutdown_request(self, request: Any) -> None:
            accepted.append(bool(request.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
            super().shutdown_request(request)

    with Watched(operand.Greeting("hi", "", "here"), 0, Handler) as watched:
        serving = threading.Thread(target=watched.serve_forever, args=(0.01,))
        serving.start()
        try:
            status, _, text = Server.ask(Server(None, watched.server_port), "GET", "/")
        finally:
            watched.shutdown()
            serving.join()
    assert (status, text) == (200, "hi\n")
    assert accepted == [True]
