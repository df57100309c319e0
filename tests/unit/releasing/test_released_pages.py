"""What pages show of the newest release is written by `make docs` and `make release`."""

import re
from pathlib import Path

import pytest

import released


@pytest.mark.parametrize("page", released.PAGES, ids=lambda page: page.name)
def test_a_page_shows_the_releases_as_they_are(page: Path) -> None:
    text = page.read_text("utf-8")
    assert released.written(text) == text


@pytest.mark.parametrize("page", released.PAGES, ids=lambda page: page.name)
def test_what_a_page_showed_of_an_earlier_release_is_replaced(page: Path) -> None:
    text = page.read_text("utf-8")
    before = re.sub(r"^(├──|└──).*\n", "", text, flags=re.MULTILINE)
    before = re.sub(r"(kopfkit\[controller\]==).*", r"\g<1>0.0.1", before)
    assert before != text
    assert released.written(before) == text


def test_a_channel_that_a_page_names_is_the_only_one_there() -> None:
    page = "```console\n$ kopfkit catalog graph{}\n```\n"
    assert "\ncandidate\n" in released.written(page.format(""))
    assert "\ncandidate\n" not in released.written(page.format(" --channel stable"))


def test_a_page_that_shows_nothing_of_a_release_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        released.written("# A page\n")
