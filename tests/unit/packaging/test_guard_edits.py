"""Entries in a YAML text: what is put in is read, what was there stays, and it comes out again."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.budgets import budget

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.packaging.guards.edits import BEGIN, END, Edit, inserted, put, taken_out

LIST = Edit(("spec", "items"), None, {"name": "guard", "args": ["a", "b: c"], "text": "x\n\ny\n"})
OTHER = Edit(("spec", "items"), None, {"name": "second"})
LABEL = Edit(("metadata", "labels"), "example.com/guard", "yes")
SPEC = Edit(("spec",), "conversion", {"strategy": "Webhook"})
ALL = [LIST, OTHER, LABEL, SPEC]


@pytest.mark.parametrize(
    "text",
    [
        "metadata:\n  name: a\nspec:\n  b: 1\n",
        "metadata:\n  labels:\n    a: b\nspec:\n  items:\n  - 1\n  - 2\n",
        "metadata:\n  labels:\n    a: b # why\n# end\nspec:\n  items:\n    -   1\n    -   x: |\n"
        "          y\n\n  z: 1\n",
        "spec:\n  conversion:\n    strategy: None\n    x: [1, 2]\n  items:\n  - x: |-\n      y\n"
        "metadata:\n  a: b",
        "metadata: {labels: {a: b}, name: c}\nspec: {items: [1]}\n",
        "metadata:\n  labels: {}\nspec:\n  items: []\n  conversion: {strategy: None}\n",
        "metadata:\n  labels:\nspec:\n  items:\n  conversion:\n",
        "# top\n---\nspec:\n  items:\n  - >-\n    folded\n    text\n\n  # a comment\n  c: d\n"
        "metadata:\n  name: 'x'\n",
        "spec:\n  items:\n  - 1\n  more: &b [x]\n  again: *b\nmetadata:\n  labels:\n    a: \"b\"\n",
        "spec:\n  <<: {items: [1]}\nmetadata:\n  name: a\n",
        "spec:\n  items:\n  - a: |+\n      keep\n\n\nmetadata:\n"
        "  name: a\n  labels:\n    é: 'ü'\n...\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("stop", ["", "\n"])
def test_entries_are_put_into_a_text_and_taken_out_again(text: str, ending: str, stop: str) -> None:
    text = text.rstrip("\n") + stop if "keep" not in text else text
    text = text.replace("\n", ending)
    found = inserted(text, ALL, "file.yaml")
    assert yamls.load(found) == put(yamls.load(text), ALL)
    assert taken_out(found, "file.yaml") == text
    # All lines that were there are, in their order: as they were, or as comments.
    kept = iter(found.splitlines())
    assert all(any(line.removeprefix("# kopfkit guard: was ") == one for line in kept)
               for one in text.splitlines())  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '{"metadata": {"name": "a"}, "spec": {"items": []}}\n',
        "metadata: &m\n  name: a\nspec: *m\n",
        "spec:\n  items: &all\n  - 1\n  more: *all\nmetadata:\n  name: b\n",
        # With a line end it would mean something else.
        "metadata:\n  name: a\nspec:\n  items:\n  - |\n    text",
    ],
)
def test_a_text_that_cannot_be_changed_by_lines_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(KopfkitError, match=r"^file\.yaml"):
        inserted(text, ALL, "file.yaml")


def test_a_text_without_entries_is_left_as_it_is() -> None:
    text = "a: b\r\n# kopfkit guards nothing here\nc: d"
    assert taken_out(text, "file.yaml") == text


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda text: text.replace(f"{END}\n", "", 1), 10),
        (lambda text: text.rpartition(END)[0], 11),
        (lambda text: text.replace(f"{BEGIN}\n", "", 1), 5),
        (lambda text: text.replace(BEGIN, f"  {BEGIN}"), 3),
        (lambda text: text.replace(END, f"{END} "), 6),
    ],
)
def test_nothing_is_taken_out_where_the_comments_around_it_were_edited(
    change: Callable[[str], str], line: int
) -> None:
    text = inserted("metadata:\n  name: x\n\n# More\nspec:\n  a: b\n", [LABEL, SPEC], "file.yaml")
    with pytest.raises(KopfkitError, match=rf"^file\.yaml:{line}: the comments"):
        taken_out(change(text), "file.yaml")


def values() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    )


@given(
    labels=st.none() | st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=3),
    items=st.none() | st.lists(values(), max_size=3),
    more=st.dictionaries(st.text(max_size=4), values(), max_size=3),
    first=st.booleans(),
    blank=st.booleans(),
)
@budget(ci=200, soak=20_000)
def test_whatever_a_generated_text_holds_it_can_be_changed_and_changed_back(
    labels: Any, items: Any, more: dict[str, Any], first: bool, blank: bool
) -> None:
    metadata = {"metadata": {"name": "a", **({} if labels is None else {"labels": labels})}}
    spec = {"spec": {**more, **({} if items is None else {"items": items})}}
    text = yamls.dump({**metadata, **spec} if first else {**spec, **metadata})
    if blank:
        text = f"# Comment\n\n{text}\n\n# Another"
    found = inserted(text, ALL, "file.yaml")
    assert yamls.load(found) == put(yamls.load(text), ALL)
    assert taken_out(found, "file.yaml") == text
