"""docs/how-to/admission.md is true: its code runs, and its tests hold."""

import re

from kopfkit.testing import admission
from pages import DOCS

PAGE = (DOCS / "how-to" / "admission.md").read_text("utf-8")


def test_the_code_of_the_page_runs_and_what_it_asserts_holds() -> None:
    known: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, known)


def test_what_kubectl_says_are_the_messages_of_the_code() -> None:
    known: dict[str, object] = {}
    exec(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0], known)
    (said,) = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    old = {"metadata": {"name": "mine"}, "spec": {"size": 3}}
    new = {**old, "spec": {"size": 2, "image": "memcached:latest"}}
    errors = admission.update(known["ADMISSION"], old, new).errors  # type: ignore[arg-type]
    lines = [f"* {path}: {message}" for path, message in errors.items()]
    assert said.splitlines()[2:] == lines
