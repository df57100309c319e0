"""Texts are read as Kubernetes reads them, and refused with their file and line."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit import yamls
from kopfkit.yamls.composing import MAX_DEPTH

from .agreed import DOCUMENTS, REFUSED, SCALARS

pytestmark = pytest.mark.usefixtures("parser")


def test_a_plain_scalar_means_what_it_means_to_go() -> None:
    found = {text: yamls.load(f"- {text}") for text in SCALARS}
    assert found == {text: [value] for text, value in SCALARS.items()}
    kinds = {text: type(value) for text, (value,) in found.items()}
    assert kinds == {text: type(value) for text, value in SCALARS.items()}


@pytest.mark.parametrize("text", DOCUMENTS)
def test_a_document_says_what_it_says_to_go(text: str) -> None:
    assert yamls.load(text) == DOCUMENTS[text]
    assert yamls.load(text.encode()) == DOCUMENTS[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_go_refuses_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(yamls.DocumentError) as error:
        yamls.load(text, "some.yaml")
    assert error.value.what == f"some.yaml:{REFUSED[text]}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("releases: []\nchannels: []\nreleases: []\n", "f:3: the key 'releases' is there twice"),
        ("a:\n- b: 1\n  'b': 2\n", "f:3: the key 'b' is there twice (first in line 2)"),
        ("1: a\n'1': b\n", "f:2: the key '1' is there twice (first in line 1)"),
        ("yes: a\ntrue: b\n", "f:2: the key 'true' is there twice (first in line 1)"),
        ('{"a": 1,\n "a": 2}', "f:2: the key 'a' is there twice (first in line 1)"),
        ('{"a": "\\ud83d\\ude00"}\n{"b": 1,\n"b": 2}', "f:3: the key 'b' is there twice"),
    ],
)
def test_a_repeated_key_is_refused_with_both_lines(text: str, place: str) -> None:
    with pytest.raises(yamls.DocumentError) as error:
        yamls.load_all(text, "f")
    assert str(error.value).startswith(place)


def test_a_key_behind_a_merge_is_not_repeated() -> None:
    assert yamls.load("- &x {a: 1}\n- {<<: *x, a: 2, <<: *x}")[1] == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a: \xff\n", "f:1: is not text"),
        (b"a: 1\nb: \xe9t\xe9\n", "f:2: is not text"),
        (b"a: 1\nb:\n\t- x\n", "Indent with spaces"),
        (b"a: \x00\n", "f:1: is not text"),
        (b'{"a": "\xff"}', "f:1: is not text"),
    ],
)
def test_bytes_that_are_no_text_are_an_error_of_that_line(raw: bytes, said: str) -> None:
    with pytest.raises(yamls.DocumentError) as error:
        yamls.load(raw, "f")
    assert said in str(error.value)


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(yamls.DocumentError):
        yamls.load("a: \ud800")


def test_a_stream_has_its_documents_without_the_empty_ones() -> None:
    text = "# nothing\n---\na: 1\n---\n---\n~\n---\n- b\n...\n---\n"
    assert yamls.load_all(text) == [{"a": 1}, ["b"]]
    assert yamls.load("---\na: 1\n---\n") == {"a": 1}
    assert yamls.load("") is None


def test_a_second_document_is_refused_where_one_is_expected() -> None:
    with pytest.raises(yamls.DocumentError, match="f:3: a second document"):
        yamls.load("a: 1\n---\nb: 1\n", "f")


def test_anchors_are_of_their_document() -> None:
    with pytest.raises(yamls.DocumentError, match="f:3: there is no anchor 'x'"):
        yamls.load_all("a: &x 1\n---\nb: *x\n", "f")


def test_json_objects_follow_each_other_as_in_a_catalog() -> None:
    text = '{"a": 1.0}\n{"a": "\\ud83d\\ude00\\ud800"} {"a": 1e400}'.replace("1e400", "-0")
    assert yamls.load_all(text) == [{"a": 1}, {"a": "😀\ufffd"}, {"a": 0}]


def test_braces_that_are_no_json_are_yaml() -> None:
    assert yamls.load("{a: 1, b: [yes], }\n") == {"a": 1, "b": [True]}


@pytest.mark.parametrize("opening", ["[", "{a: ", '{"a": ', "- "])
def test_depth_is_bounded(opening: str) -> None:
    closing = {"[": "]", "-": ""}.get(opening.strip(), "}")
    with pytest.raises(yamls.DocumentError, match="inside each other"):
        yamls.load(opening * (MAX_DEPTH + 1) + "1" + closing * (MAX_DEPTH + 1))
    assert yamls.load(opening * MAX_DEPTH + "1" + closing * MAX_DEPTH)


def test_depth_is_bounded_through_aliases() -> None:
    nested = "[" * 150
    text = f"- &x {nested}1{']' * 150}\n- {nested}*x{']' * 150}\n"
    with pytest.raises(yamls.DocumentError, match="inside each other"):
        yamls.load(text)


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(yamls.DocumentError, match="f:5: aliases stand for") as error:
        yamls.load("\n".join(lines), "f")
    assert "Kubernetes takes" in error.value.why


def test_each_alias_is_a_value_of_its_own() -> None:
    found = yamls.load("a: &x {b: [1]}\nc: *x\n")
    found["c"]["b"].append(2)
    assert found["a"] == {"b": [1]}


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(yamls.DocumentError, match=r"absent\.yaml: cannot be read"):
        yamls.read(tmp_path / "absent.yaml")
    with pytest.raises(yamls.DocumentError, match=r"mine\.yaml: cannot be read"):
        yamls.read_all(tmp_path, "mine.yaml")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@budget(ci=40, soak=20_000)
@given(value=st.dictionaries(st.text(max_size=3), _JSON), indent=st.none() | st.just(1))
def test_json_is_read_as_it_is(value: object, indent: int | None) -> None:
    assert yamls.load(json.dumps(value, indent=indent)) == value


_PIECES = (
    *("a", "1", "~", "'", '"', "&x ", "*x", "<<", "!!int ", "{", "}", "[", "]", ",", "|", ">"),
    *(": ", "- ", "\n", "  ", "\t", "\r", "#", "%", "---\n", "\x00", "\ud800"),
)


@budget(ci=100, soak=50_000)
@given(st.binary(max_size=30) | st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_whatever_a_text_is_it_is_read_or_refused(data: str | bytes) -> None:
    with contextlib.suppress(yamls.DocumentError):
        yamls.load_all(data)
