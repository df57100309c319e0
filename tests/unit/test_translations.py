"""The Chinese pages are the English ones: the same files, and in each the same headings, code,
links, tables and lists, in the same order.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS, ZH = ROOT / "docs", ROOT / "docs/zh"
PAIRS = [
    (ROOT / "README.md", ROOT / "README.zh.md"),
    *((DOCS / page.relative_to(ZH), page) for page in sorted(ZH.rglob("*.md"))),
]
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^]]*\]\(([^)#]*)(#[^)]*)?\)")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
# What a line is, by how it begins.
_KINDS = {
    "heading": re.compile(r"#+(?= )"),
    "row": re.compile(r"\|"),
    "item": re.compile(r"- "),
    "number": re.compile(r"\d+(?=\. )"),
}


def shape(page: Path) -> list[str]:
    """The headings, rows, items and blocks of a page, without their words."""
    found = []
    for block in re.split(r"(^```.*?^```$)", page.read_text("utf-8"), flags=re.MULTILINE | re.S):
        if block.startswith("```"):
            found.append(block)
            continue
        for line in block.splitlines():
            for kind, begin in _KINDS.items():
                if start := begin.match(line):
                    found.append(f"{kind} {start[0]}")
    return found


def links(page: Path) -> Iterator[str]:
    """Where a page's links lead; to the English page where there is a Chinese one."""
    for target, _ in _LINK.findall(_BLOCK.sub("", page.read_text("utf-8"))):
        if "://" in target or not target:
            yield target
            continue
        path = (page.parent / target).resolve()
        assert path.exists(), f"{page.name}: {target}"
        pairs = {chinese: english for english, chinese in PAIRS}
        yield str(pairs.get(path, path).relative_to(ROOT))


def code(page: Path) -> list[str]:
    """The code in a page's sentences, sorted: the two languages have another order of words."""
    text = _BLOCK.sub("", page.read_text("utf-8"))
    return sorted(" ".join(each.split()) for each in re.findall(r"`([^`]+)`", text))


def test_the_whole_tutorial_is_there_in_both_languages() -> None:
    english = {page.name for page in (DOCS / "tutorial").iterdir()}
    assert english == {page.name for page in (ZH / "tutorial").iterdir()}


@pytest.mark.parametrize(
    ("english", "chinese"), PAIRS, ids=[str(zh.relative_to(ROOT)) for _, zh in PAIRS]
)
def test_a_chinese_page_is_the_english_one(english: Path, chinese: Path) -> None:
    assert shape(chinese) == shape(english)
    assert sorted(links(chinese)) == sorted(links(english))
    assert code(chinese) == code(english)


@pytest.mark.parametrize("page", [chinese for _, chinese in PAIRS], ids=lambda page: page.stem)
def test_a_chinese_page_has_no_paragraph_left_in_english(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text("utf-8"))
    paragraphs = [each for each in text.split("\n\n") if len(re.findall(r"[a-z]{2,}", each)) > 12]
    assert [each for each in paragraphs if not _CHINESE.search(each)] == []
