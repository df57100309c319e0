"""The registry of host names outside of the cluster that examples/databases writes to.

The standard library only: the e2e tests run the text of this file in a pod.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PORT = 8080


class Registry:
    """A registry of host names, and what was asked of it.

    Args:
        address: to listen on; port 0 is any that is free.
    """

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.records: dict[str, Any] = {}
        self.writes: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self, body: Any = None) -> None:
                text = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self) -> None:
                self.answer(registry.records.get(self.path[1:]))

            def do_PUT(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                registry.records[self.path[1:]] = body
                registry.writes.append(f"PUT {self.path}")
                self.answer()

            def do_DELETE(self) -> None:
                url = urlsplit(self.path)
                owner = parse_qs(url.query)["owner"][0]
                if registry.records.get(url.path[1:], {}).get("owner") == owner:
                    del registry.records[url.path[1:]]
                    registry.writes.append(f"DELETE {url.path}")
                self.answer()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(address, Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


if __name__ == "__main__":
    Registry(("", PORT)).server.serve_forever()
