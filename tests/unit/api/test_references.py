"""Image references: what the reference grammar takes, and what is said of the rest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.api.admission import ADMISSION
from kopfkit.crd.patterns import IMAGE
from kopfkit.crd.references import fault
from kopfkit.testing import admission as ask

SHA = "@sha256:" + "0" * 64
LIKE = "an image reference is like registry.example.com/hello:1.0"

# From the grammar's own tests (github.com/distribution/reference, reference_test.go and
# normalize_test.go), in our words: what it takes, and what it refuses.
TAKEN = [
    "hello",
    "hello:1.0",
    "localhost/hello",
    "localhost:5000",
    "registry.example.com:5000/a/b" + SHA,
    "a:tag" + SHA,
    "a@sha512:" + "f" * 128,
    "[::1]:5000/a__b/c.d-e:V1_0",
    "[2001:db8::1]/a",
    "Registry/a",
    "a_b.c/d",
    "a--b/c---d",
    "xn--n3h.com/a",
    "0" * 64 + ":1",
    "a/" + "0" * 64,
    "a" * 255,
]
REFUSED = [
    ("", "is empty"),
    ("https://a/b", "begins with a scheme"),
    ("two words", "has a space"),
    ("a\u00a0b", "has a space"),
    ("Hello:1", "has upper-case letters in its name"),
    ("registry.example.com/Hello", "has upper-case letters"),
    ("a:", "has a tag that"),
    ("a:-1", "has a tag that"),
    ("a:" + "1" * 129, "has a tag of more than 128"),
    ("a@sha256:12", "has a sha256 digest that is not 64"),
    ("a@sha256:" + "0" * 32, "has a sha256 digest that is not 64"),
    ("a@sha256:" + "A" * 64, "has a sha256 digest that is not 64"),
    ("a@sha512:" + "0" * 64, "has a sha512 digest that is not 128"),
    ("a@md5:" + "0" * 32, "has a digest that begins with none of sha256:, sha384:, sha512:"),
    ("a@", "has a digest that begins with none of"),
    ("0" * 64, "is the id of an image"),
    ("a" * 256, "has a name of more than 255"),
    ("-a", "has a name whose parts"),
    ("a//b", "has a name whose parts"),
    ("a/", "has a name whose parts"),
    ("/a", "has a name whose parts"),
    ("a___b", "has a name whose parts"),
    ("a..b/c", "has the registry 'a..b'"),
    ("a.b:x/c", "has the registry 'a.b:x'"),
    ("[::1/a", "has the registry '[::1'"),
    (SHA, "has a name whose parts"),
    ("ä", "has a name whose parts"),
]


@pytest.mark.parametrize("reference", TAKEN)
def test_a_reference_is_taken(reference: str) -> None:
    assert fault(reference) == ""


@pytest.mark.parametrize(("reference", "why"), REFUSED)
def test_what_is_none_is_refused_with_its_fault(reference: str, why: str) -> None:
    assert fault(reference).startswith(why)


def beyond(reference: str) -> bool:
    """Whether the schema's expression cannot tell: it counts neither digests nor a name."""
    return fault(reference).startswith(
        ("has a sha", "has a digest", "has a name of more", "is the id of")
    )


PIECES = st.sampled_from(
    [*"aB0._-/:@ \n", "__", "sha256", "localhost", "[::1]", SHA, "@md5:" + "0" * 32, "0" * 64]
)


PATTERN = re.compile(IMAGE[1:-1].replace("[[]", r"\[").replace("[]]", r"\]"))


@budget(400, 50000)
@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=12))
def test_it_agrees_with_the_schema_but_for_what_that_cannot_count(reference: str) -> None:
    matches = PATTERN.fullmatch(reference) is not None
    if fault(reference) == "":
        assert matches
    if matches:
        assert fault(reference) == "" or beyond(reference)


def test_a_bad_image_is_refused_by_field_with_what_a_reference_looks_like() -> None:
    obj = {"metadata": {"name": "hello"}, "spec": {"image": "a@sha256:12"}}
    done = ask.create(ADMISSION, obj)
    why = "has a sha256 digest that is not 64 characters of 0-9 and a-f"
    assert done.errors == {"spec.image": f"{why}: {LIKE}"}
    assert ask.create(ADMISSION, {"metadata": {"name": "hello"}}).allowed


def test_one_that_was_stored_before_stays_editable_but_for_its_image() -> None:
    old = {"metadata": {"name": "hello"}, "spec": {"image": "a@md5:1", "replicas": 1}}
    assert ask.update(ADMISSION, old, {**old, "spec": {"image": "a@md5:1"}}).allowed
    assert not ask.update(ADMISSION, old, {**old, "spec": {"image": "a@md5:2"}}).allowed
    assert ask.update(ADMISSION, old, {**old, "spec": {"image": "a"}}).allowed
