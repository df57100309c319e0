"""Go's YAML loader as a process that is asked about one document after the other."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any, Self


class Refused:
    """Stands for a document that cannot be read; equal to any other, since the words differ.

    Args:
        why: what was said.
    """

    def __init__(self, why: str) -> None:
        self.why = why

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refused)

    def __hash__(self) -> int:
        return hash(Refused)

    def __repr__(self) -> str:
        return f"Refused({self.why!r})"


class GoYaml:
    """The running program; ends with its `with`.

    Args:
        program: what `building` built.
    """

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(120) == 0
        self._process.stdout.close()

    def load(self, document: str | bytes) -> Any:
        """What sigs.k8s.io/yaml makes of it, or Refused."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        raw = document.encode() if isinstance(document, str) else document
        self._process.stdin.write(base64.b64encode(raw) + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Refused(answer["error"]) if answer["error"] else json.loads(answer["json"])
