"""Writes docs/_static/kopfkit.svg, the picture of README.md: `make docs`.

It shows what somebody writes for the tutorial's operator, with the lines that the tutorial has,
what kopfkit makes of it, and what runs. With --check nothing is written, and a picture that differs
is an error.
"""

import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

import generatedpage

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "_static" / "kopfkit.svg"
TUTORIAL = ROOT / "docs" / "tutorial"
WIDTH, GAP, LINE, TOP = 272, 42, 23, 74
# Colors of the text, of what is less important, of boxes and their edges, light and dark.
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.head { font-weight: 600; font-size: 16px }
.code { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-size: 13px }
.less { fill: #59636e }
rect { fill: #f6f8fa; stroke: #d1d9e0 }
path { stroke: #326ce5; fill: none; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .less { fill: #9198a1 }
  rect { fill: #151b23; stroke: #3d444d } path { stroke: #6c9bf5 }
}
"""


def lines_of(chapter: str, name: str) -> int:
    """How many lines a file of the tutorial has, without empty ones."""
    text = (TUTORIAL / chapter).read_text("utf-8")
    found = re.search(rf"^```python file={re.escape(name)}\n(.*?)^```$", text, re.M | re.S)
    if found is None:
        raise ValueError(f"{chapter} has no file {name}")
    return sum(bool(line.strip()) for line in found[1].splitlines())


def columns() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The heading of each column, and its lines: text, and what is said of it."""
    types = lines_of("2-project.md", "hello_operator/hello_v1alpha1.py")
    reconcile = lines_of("3-reconcile.md", "hello_operator/hello_controller.py")
    yield (
        "You write",
        [
            ("hello_v1alpha1.py", f"spec and status, {types} lines"),
            ("hello_controller.py", f"one reconcile, {reconcile} lines"),
            ("test_hello.py", "fast, and on a real API server"),
        ],
    )
    yield (
        "kopfkit generates",
        [
            ("config/", "CRD, RBAC, Deployments, alerts"),
            ("bundle/", "what OLM installs"),
            ("catalog/", "who is upgraded to what, proved"),
        ],
    )
    yield (
        "It runs",
        [
            ("kopfkit run local", "on your machine, debuggable"),
            ("make deploy", "as Deployments"),
            ("kopfkit subscribe", "by OLM, upgraded under load"),
        ],
    )


def written(_: str) -> str:
    """The picture as it is now."""
    found = list(columns())
    height = TOP + LINE * 2 * 3
    width = len(found) * WIDTH + (len(found) - 1) * GAP + 2
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 2}" role="img">',
        "<title>From two Python files to an operator that OLM installs and upgrades</title>",
        f"<style>{STYLE}</style>",
    ]
    for number, (head, lines) in enumerate(found):
        left = 1 + number * (WIDTH + GAP)
        out.append(f'<rect x="{left}" y="1" width="{WIDTH}" height="{height}" rx="8"/>')
        out.append(f'<text class="head" x="{left + 16}" y="34">{escape(head)}</text>')
        for row, (code, said) in enumerate(lines):
            y = TOP + row * 2 * LINE
            out.append(f'<text class="code" x="{left + 16}" y="{y}">{escape(code)}</text>')
            out.append(f'<text class="less" x="{left + 16}" y="{y + 19}">{escape(said)}</text>')
        if number:
            x, y = left - GAP + 8, height // 2
            out.append(f'<path d="M{x} {y}h{GAP - 16}m-8 -7l8 7l-8 7"/>')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    sys.exit(generatedpage.main(PAGE, written, "the picture of README.md", sys.argv[1:]))
