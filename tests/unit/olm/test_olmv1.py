"""The process of OLM v1's code as kopfkit asks it: every answer, and none.

The real one is asked in tests/integration/test_olm_v1.py.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.olm import olmv1
from kopfkit.olm.olmv1 import OlmV1, ResolverError

Make = Callable[[str], OlmV1]


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """`answering(lines)`: a tool that prints these lines, one for each that it reads, and ends."""

    def make(lines: str) -> OlmV1:
        path = tmp_path / "olm-v1"
        answers = [line for line in lines.splitlines() if line]
        path.write_text(
            f"#!{sys.executable}\nimport sys\nfor line in {answers!r}:\n"
            "    sys.stdin.readline()\n    print(line, flush=True)\n"
        )
        path.chmod(0o755)
        monkeypatch.setattr(olmv1.toolchain, "tool", lambda *_: path)
        return OlmV1(Progress())

    return make


def test_refusals_and_rendered_objects_are_told(answering: Make) -> None:
    line = (
        '{"error": "", "bundle": {"refusals": [{"by": "validators.X", "why": "no"}], '
        '"rendered": {"cert-manager": [{"kind": "Service"}]}}}'
    )
    with answering(line) as asked:
        told = asked.bundle(Path("bundle"))
    assert told.refusals == (olmv1.Refusal("validators.X", "no"),)
    assert told.rendered == {"cert-manager": [{"kind": "Service"}]}


def test_a_process_that_ends_is_one_sentence(answering: Make) -> None:
    with answering("") as asked, pytest.raises(KopfkitError, match="did not answer"):
        asked.bundle(Path("bundle"))


def test_a_panic_is_one_sentence(answering: Make) -> None:
    line = '{"error": "panic: nil map"}'
    with answering(line) as asked, pytest.raises(KopfkitError, match="panic: nil map"):
        asked.bundle(Path("bundle"))


def test_a_bundle_that_is_not_rendered_refuses_the_upgrade(answering: Make) -> None:
    with answering('{"error": "the new bundle: no"}') as asked:
        assert asked.upgrade([], []).refused == "the new bundle: no"


def test_nowhere_to_go_is_an_answer_and_a_refusal_is_none(answering: Make) -> None:
    lines = (
        '{"error": "no bundles found for package \\"x\\"", "chosen": ""}\n'
        '{"error": "validating bundle: a dependency", "chosen": ""}'
    )
    with answering(lines) as asked:
        assert asked.chosen([], "x", "x.v1", "1.0.0") == ""
        with pytest.raises(ResolverError, match="a dependency"):
            asked.chosen([], "x", "x.v1", "1.0.0")
