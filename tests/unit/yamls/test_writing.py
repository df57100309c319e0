"""YAML comes out with the same bytes everywhere and is read back as it went in, by everybody."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from kopfkit import yamls
from kopfkit.yamls import writing

from .agreed import SCALARS
from .values import VALUES

PURE = writing.dumper(yaml.SafeDumper)


@settings(derandomize=True, deadline=None)
@given(VALUES)
def test_what_is_written_is_read_back_by_both_libraries(value: object) -> None:
    text = yamls.dump(value)
    assert yamls.load(text) == value
    assert yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) == value


@settings(max_examples=50, derandomize=True, deadline=None)
@given(VALUES)
def test_what_is_written_in_pure_python_is_read_back_too(value: object) -> None:
    assert yamls.load(yamls.dump(value, dumper=PURE)) == value


def test_libyaml_and_pure_python_write_the_same_bytes() -> None:
    paths = sorted((Path(__file__).parents[3] / "config").rglob("*.yaml"))
    assert len(paths) > 20
    for path in paths:
        documents = yamls.read_all(path)
        assert yamls.dump(*documents, dumper=PURE) == yamls.dump(*documents)


def test_key_order_is_kept() -> None:
    assert yamls.dump({"b": 1, "a": 2}) == "b: 1\na: 2\n"


def test_text_of_several_lines_is_a_literal_block() -> None:
    assert yamls.dump({"a": "one\ntwo\n"}) == "a: |\n  one\n  two\n"


def test_a_long_line_is_not_folded() -> None:
    assert yamls.dump({"a": "word " * 100 + "end"}).count("\n") == 1


@pytest.mark.parametrize("text", ["y", "N", "1e3", "0o17", "1_000", "0.1.0", "yes", "null", ".inf"])
def test_a_string_that_another_parser_takes_for_something_else_is_quoted(text: str) -> None:
    assert yamls.dump([text]) == f"- '{text}'\n"


def test_a_string_is_quoted_where_it_is_none_to_go_or_to_pyyaml() -> None:
    resolver = yaml.SafeLoader("")
    for text in SCALARS:
        theirs = resolver.resolve(yaml.ScalarNode, text, (True, False))
        ours = isinstance(yamls.load(f"- {text}")[0], str)
        if theirs != "tag:yaml.org,2002:str" or not ours:
            assert yamls.dump([text]) == f"- '{text}'\n"


def test_equal_objects_are_written_out_and_not_aliased() -> None:
    shared = {"a": 1}
    assert "&" not in yamls.dump([shared, shared])
