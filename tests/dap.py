"""The Debug Adapter Protocol over TCP, as an editor speaks it with debugpy."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PATIENCE = 240.0


class Debugger:
    """A client.

    Args:
        port: of this machine, where debugpy listens.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._stream = self._socket.makefile("rb")
        self._seq = 0

    def send(self, command: str, **arguments: Any) -> None:
        """Send a request."""
        self._seq += 1
        body = json.dumps(
            {"seq": self._seq, "type": "request", "command": command, "arguments": arguments}
        )
        self._socket.sendall(f"Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def until(self, kind: str, name: str) -> Any:
        """The next response to the command, or event, `name`."""
        while True:
            length = 0
            while line := self._stream.readline().strip():
                length = int(line.partition(b":")[2])
            assert length, f"the connection was closed while {name!r} was waited for"
            message = json.loads(self._stream.read(length))
            if message["type"] == kind and name in (message.get("command"), message.get("event")):
                return message

    def ask(self, command: str, **arguments: Any) -> Any:
        """Send a request and wait for its answer's body."""
        self.send(command, **arguments)
        answer = self.until("response", command)
        assert answer["success"], answer
        return answer.get("body")

    def attach(
        self,
        breakpoint: tuple[Path, int] | None = None,
        mappings: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Do what an editor does to attach.

        Args:
            breakpoint: a file and a line of it where to stop.
            mappings: directories here and the same ones there, for a process elsewhere.
        """
        self.ask("initialize", adapterID="test", clientID="test", pathFormat="path")
        paths = [{"localRoot": here, "remoteRoot": there} for here, there in mappings]
        self.send("attach", justMyCode=False, pathMappings=paths)
        self.until("event", "initialized")
        if breakpoint is not None:
            source, line = breakpoint
            wanted = [{"line": line}]
            set_ = self.ask("setBreakpoints", source={"path": str(source)}, breakpoints=wanted)
            assert set_["breakpoints"][0]["verified"], set_
        self.send("configurationDone")
        assert self.until("response", "attach")["success"]

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()
