"""YAML comes out with the same bytes everywhere and is read back as it went in."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kopfkit.packaging import yamls

# What a manifest may hold: printable text in any script, JSON's other scalars, lists, mappings.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn", "Co"])
    | st.sampled_from("\n\t :#-'\"{}[]&*!|>%@`")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    assert yaml.safe_load(yamls.dump(value)) == value


def test_key_order_is_kept() -> None:
    assert yamls.dump({"b": 1, "a": 2}) == "b: 1\na: 2\n"


def test_text_of_several_lines_is_a_literal_block() -> None:
    assert yamls.dump({"a": "one\ntwo\n"}) == "a: |\n  one\n  two\n"


def test_a_long_line_is_not_folded() -> None:
    assert yamls.dump({"a": "word " * 100 + "end"}).count("\n") == 1


@pytest.mark.parametrize("text", ["y", "N", "1e3", "0o17", "1_000", "0.1.0", "yes", "null", ".inf"])
def test_a_string_that_another_parser_takes_for_something_else_is_quoted(text: str) -> None:
    assert yamls.dump([text]) == f"- '{text}'\n"


def test_equal_objects_are_written_out_and_not_aliased() -> None:
    shared = {"a": 1}
    assert "&" not in yamls.dump([shared, shared])
