"""Names and labels of children."""

import re

from hypothesis import given
from hypothesis import strategies as st

from helloworld_operator.controller.names import child_name, labels, selector_labels, selector_text

# DNS subdomains as the API server takes them for names, up to 253 characters.
NAMES = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?){0,2}", fullmatch=True
)


@given(NAMES)
def test_every_name_gets_a_legal_service_name_and_legal_labels(name: str) -> None:
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", child_name(name))
    for value in labels(name).values():
        assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value)


@given(NAMES, NAMES)
def test_two_names_never_share_a_child(one: str, other: str) -> None:
    assert one == other or child_name(one) != child_name(other)


def test_a_name_that_fits_is_kept() -> None:
    assert child_name("hello") == "hello"
    assert child_name("x" * 63) == "x" * 63


def test_long_names_that_differ_at_the_end_get_different_children() -> None:
    assert child_name("x" * 252 + "a") != child_name("x" * 252 + "b")


def test_names_of_released_operators_never_change() -> None:
    # A Deployment's selector cannot be changed: another result would break every such object.
    assert child_name("a.b") == "a-b-2e7336dc8e"
    assert child_name("1") == "hw-1-6b86b273ff"
    assert child_name("x" * 253) == "x" * 52 + "-1329e1bd71"
    assert selector_labels("hello") == {
        "app.kubernetes.io/name": "helloworld",
        "app.kubernetes.io/instance": "hello",
    }


def test_the_selector_text_is_what_kubectl_takes() -> None:
    expected = "app.kubernetes.io/instance=hello,app.kubernetes.io/name=helloworld"
    assert selector_text("hello") == expected
