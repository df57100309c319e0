"""The progress display, as a terminal and as a CI log see it."""

import io

import pytest

from kopfkit.host import progress as module
from kopfkit.host.progress import Progress
from kopfkit.testing.waiting import eventually


def test_plain_output_has_a_line_at_the_start_and_one_at_the_end() -> None:
    out = io.StringIO()
    progress = Progress(out, live=False)
    with progress.step("Building etcd"):
        pass
    first, last = out.getvalue().splitlines()
    assert first == "Building etcd ..."
    assert last.startswith("✓ Building etcd (")
    assert "\x1b" not in out.getvalue()


def test_nested_steps_are_indented_and_notes_are_shown() -> None:
    out = io.StringIO()
    progress = Progress(out, live=False)
    with progress.step("outer"), progress.step("inner") as step:
        step.note("half way")
    assert "  inner ..." in out.getvalue()
    assert "inner: half way [" in out.getvalue()
    assert "✓ inner: half way (" in out.getvalue()


def test_a_failed_step_says_so_and_lets_the_error_through() -> None:
    out = io.StringIO()
    with pytest.raises(ValueError, match="x"), Progress(out, live=False).step("work"):
        raise ValueError("x")
    assert "✗ work: failed after" in out.getvalue()


def test_an_interrupted_step_says_so() -> None:
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt), Progress(out, live=False).step("work"):
        raise KeyboardInterrupt
    assert "✗ work: interrupted after" in out.getvalue()


def test_text_that_looks_like_markup_is_shown_as_it_is() -> None:
    out = io.StringIO()
    progress = Progress(out, live=False)
    progress.say("a [bold] claim [/]")
    with progress.step("[red]x"):
        pass
    assert "a [bold] claim [/]" in out.getvalue()
    assert "[red]x" in out.getvalue()


def test_a_long_step_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    out = io.StringIO()
    with Progress(out, live=False).step("work") as step:
        step.glance("42 packages compiled")
        eventually(lambda: "42 packages compiled [" in out.getvalue())


def test_a_terminal_sees_one_line_redrawn_and_the_result_stays() -> None:
    out = io.StringIO()
    progress = Progress(out, live=True)
    with progress.step("outer") as step:
        step.note("busy")
        assert "outer: busy" in str(progress._render())
    assert "✓ outer: busy (" in out.getvalue()
    assert progress._live is None
