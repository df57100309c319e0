"""An OCI runtime for a machine whose root lacks CAP_SYS_RESOURCE: runc, asked for less.

Where the capability is missing from the bounding set (a sandboxed CI host), runc cannot give it to
a privileged container ("unable to apply caps"), nor lower an OOM score, nor raise a resource limit.
This takes the three out of the container's configuration and hands over to runc. It is copied
beside the engine and run as a program of its own, so it imports nothing but the standard library.

Source of the fields: the OCI runtime specification, config.md, "process".
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

CAPABILITY = "CAP_SYS_RESOURCE"
# Its number in linux/capability.h.
_NUMBER = 24


def wanted() -> bool:
    """Whether the capability is missing from this process's bounding set (see proc(5))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return not int(line.split()[1], 16) >> _NUMBER & 1
    return False


def install(place: Path) -> Path:
    """Put the program into `place`; returns what the engine runs as its OCI runtime. A copy, as
    the checkout may move while it is used."""
    program = place / "ociruntime.py"
    shutil.copyfile(__file__, program)
    wrapper = place / "runc-lessened"
    # The system's Python starts without the environment's site-packages, in 20 ms.
    python = shutil.which("python3", path="/usr/bin") or sys.executable
    wrapper.write_text(f'#!/bin/sh\nexec "{python}" -I -S "{program}" "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def lessened(process: dict[str, Any]) -> dict[str, Any]:
    """The OCI `process` object without the capability, the OOM score and the resource limits."""
    kept = {key: value for key, value in process.items() if key not in ("oomScoreAdj", "rlimits")}
    if isinstance(kept.get("capabilities"), dict):
        kept["capabilities"] = {
            kind: [name for name in names or [] if name != CAPABILITY]
            for kind, names in kept["capabilities"].items()
        }
    return kept


def value_of(arguments: list[str], option: str, default: str | None = None) -> str | None:
    """The value of `option` in a command line, given as two words or with an equals sign."""
    for index, word in enumerate(arguments):
        if word == option and index + 1 < len(arguments):
            return arguments[index + 1]
        if word.startswith(option + "="):
            return word[len(option) + 1 :]
    return default


def edit(arguments: list[str]) -> None:
    """Lessen the configuration that runc will read for this command line, if it reads one."""
    if "create" in arguments or "run" in arguments:
        path = os.path.join(value_of(arguments, "--bundle", ".") or ".", "config.json")
        with open(path) as file:
            config = json.load(file)
        config["process"] = lessened(config.get("process") or {})
        _write(path, config)
    elif "exec" in arguments and (path := value_of(arguments, "--process") or ""):
        with open(path) as file:
            process = json.load(file)
        _write(path, lessened(process))


def _write(path: str, value: dict[str, Any]) -> None:
    with open(path, "w") as file:
        json.dump(value, file)


if __name__ == "__main__":
    edit(sys.argv[1:])
    os.execvp("runc", ["runc", *sys.argv[1:]])
