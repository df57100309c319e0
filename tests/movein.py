"""An operator on kopf's handlers moves in: docs/how-to/existing-operator.md, done as written."""

import os
import re
import shlex
import sys
from pathlib import Path

import pages

# A file, or a command with the lines that it prints.
STEP = re.compile(
    r"^```\w+ file=(?P<file>\S+)\n(?P<text>.*?)^```$"
    r"|^\$ (?P<command>[^\n]*)\n(?P<said>(?:[^$`\n][^\n]*\n)*)",
    re.MULTILINE | re.DOTALL,
)
KOPFKIT = [sys.executable, "-c", "from kopfkit.cli import main; main()"]


def follow(place: Path) -> list[str]:
    """Write the page's files and run its commands, in the page's order.

    Args:
        place: an empty folder, the project's.

    Returns:
        the commands that exited with 1.
    """
    text = (pages.DOCS / "how-to" / "existing-operator.md").read_text("utf-8")
    failed = []
    for step in STEP.finditer(text):
        if step["file"]:
            path = place / step["file"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(step["text"])
            continue
        words = shlex.split(step["command"])
        argv = KOPFKIT + words[1:] if words[0] == "kopfkit" else words
        done = pages.run(argv, place, os.environ)
        assert done.returncode in (0, 1), done.stdout
        if done.returncode:
            failed.append(step["command"])
            print(done.stdout)
        for line in step["said"].splitlines():
            assert line.removesuffix(" ...") in done.stdout, done.stdout
    return failed
