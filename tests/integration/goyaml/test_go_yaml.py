"""What sigs.k8s.io/yaml reads, kopfkit.yamls reads, and what this writes, that reads back."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from tests.unit.yamls.agreed import DOCUMENTS, REFUSED, SCALARS
from tests.unit.yamls.values import VALUES

from kopfkit import yamls
from kopfkit.host.progress import Progress

from . import generated
from .asking import GoYaml, Refused
from .building import ensure


@pytest.fixture(scope="module")
def go() -> Iterator[GoYaml]:
    with GoYaml(ensure(Progress())) as running:
        yield running


def ours(document: str) -> Any:
    try:
        return yamls.load(document)
    except yamls.DocumentError as error:
        return Refused(error.why)


def kinds(value: Any) -> Any:
    """The value with its types, since 1, 1.0 and True are equal in Python."""
    if isinstance(value, dict):
        return {key: kinds(one) for key, one in value.items()}
    if isinstance(value, list):
        return [kinds(one) for one in value]
    return type(value), value


def wanted(document: str, mine: Any, theirs: Any) -> bool:
    """Whether a difference is known: what we refuse and Go does not, and the other way round."""
    if isinstance(mine, Refused):
        # Go keeps one of the two, in an order that it leaves open.
        twice = "is there twice" in mine.why
        # libyaml refuses `[a:]`; go-yaml's copy of it has learned it since.
        colon = "found unexpected ':'" in mine.why and ("[" in document or "{" in document)
        return twice or colon
    if isinstance(theirs, Refused):
        # Inside braces and brackets libyaml takes `a? b` and `a *b` for text.
        flow = "did not find expected" in theirs.why and ("[" in document or "{" in document)
        # Go checks that it is one; the value is the same text.
        return flow or "!!timestamp" in document
    return False


def differences(go: GoYaml, documents: Iterable[str]) -> list[tuple[str, Any, Any]]:
    found = []
    for document in documents:
        mine, theirs = ours(document), go.load(document)
        if kinds(mine) != kinds(theirs) and not wanted(document, mine, theirs):
            found.append((document, mine, theirs))
    return found


def test_go_reads_the_table_of_the_unit_tests_so(go: GoYaml) -> None:
    table = {f"- {text}": [value] for text, value in SCALARS.items()} | DOCUMENTS
    assert {text: go.load(text) for text in table} == table
    assert {text: go.load(text) for text in REFUSED} == dict.fromkeys(REFUSED, Refused(""))


def test_every_short_scalar_is_read_as_go_reads_it(go: GoYaml) -> None:
    assert differences(go, generated.short_scalars()) == []


def test_scalars_are_read_as_go_reads_them_wherever_they_stand(go: GoYaml) -> None:
    assert differences(go, generated.in_contexts([*SCALARS, "3.4e38", "3.5e38", "1e-46"])) == []


def test_numbers_are_read_as_go_reads_them(go: GoYaml) -> None:
    assert differences(go, generated.numbers(4000, seed=1)) == []


def test_documents_are_read_as_go_reads_them(go: GoYaml) -> None:
    documents = list(generated.documents(15000, seed=1))
    assert differences(go, documents) == []
    read = [one for one in documents if not isinstance(ours(one), Refused)]
    assert len(read) > 3000


def test_a_stream_has_the_documents_that_go_reads_one_by_one(go: GoYaml) -> None:
    documents = [
        one for one in generated.documents(2000, seed=2)
        if not isinstance(ours(one), Refused) and "%" not in one
    ]  # fmt: skip
    stream = "".join(f"--- # next\n{one}\n" for one in documents)
    expected = [value for one in documents if (value := go.load(f"{one}\n")) is not None]
    assert kinds(yamls.load_all(stream)) == kinds(expected)


@pytest.mark.parametrize("width", [2, 5, 40])
def test_as_many_aliases_are_taken_as_go_takes(go: GoYaml, width: int) -> None:
    documents = []
    for depth in range(1, 7):
        names = ((level, ", ".join([f"*a{level - 1}"] * width)) for level in range(1, depth + 1))
        lines = [f"a{level}: &a{level} [{aliases}]" for level, aliases in names]
        documents.append("\n".join(["a0: &a0 [x, x, x]", *lines]))
    mine = [isinstance(ours(one), Refused) for one in documents]
    theirs = [isinstance(go.load(one), Refused) for one in documents]
    assert mine == theirs
    assert mine[-1] == (width > 2)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(VALUES)
def test_what_is_written_means_the_same_to_go(go: GoYaml, value: Any) -> None:
    assert kinds(go.load(yamls.dump(value))) == kinds(value)
