"""Names and labels of children."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helloworld_operator.controller.names import (
    child_name,
    claim_name,
    labels,
    restore_name,
    selector_labels,
    snapshot_child_name,
)
from kopfkit.controller.names import selector_text, suffixed

# DNS subdomains as the API server takes them for names, up to 253 characters; and names made to
# meet others: those of children, and what differs only where a name is cut.
SUBDOMAINS = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?){0,2}", fullmatch=True
)
NAMERS = [child_name, claim_name, snapshot_child_name, restore_name]
NAMES = st.one_of(
    SUBDOMAINS,
    st.builds(lambda namer, name: namer(name), st.sampled_from(NAMERS), SUBDOMAINS),
    st.text("ab-.", min_size=1, max_size=253).map(
        lambda text: ".".join(filter(None, (part.strip("-") for part in text.split(".")))) or "a"
    ),
)
every_namer = pytest.mark.parametrize("namer", NAMERS, ids=lambda one: one.__name__)


@every_namer
@given(NAMES)
def test_every_name_gets_a_legal_service_name(namer: Callable[[str], str], name: str) -> None:
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", namer(name))


@given(NAMES)
def test_every_name_gets_legal_labels(name: str) -> None:
    for value in labels(name).values():
        assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value)


@every_namer
@given(one=NAMES, other=NAMES)
def test_two_names_never_share_a_child(namer: Callable[[str], str], one: str, other: str) -> None:
    assert one == other or namer(one) != namer(other)


@given(NAMES, NAMES)
def test_a_volume_and_a_snapshot_never_share_a_claim(hello: str, snapshot: str) -> None:
    assert claim_name(hello) != snapshot_child_name(snapshot)


@given(NAMES, NAMES)
def test_a_restore_and_a_snapshot_never_share_a_job(hello: str, snapshot: str) -> None:
    assert restore_name(hello) != snapshot_child_name(snapshot)


@given(NAMES, st.sampled_from(["202611250230", "upgrade-0123456789"]))
def test_a_snapshot_that_is_made_by_the_operator_gets_a_legal_name(name: str, what: str) -> None:
    made = suffixed(name, what)
    assert len(made) <= 253
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", made)
    assert made.endswith(f"-{what}")


@given(NAMES, NAMES)
def test_snapshots_of_two_helloworlds_never_share_a_name(one: str, other: str) -> None:
    assert one == other or suffixed(one, "202611250230") != suffixed(other, "202611250230")


@every_namer
@given(name=NAMES)
def test_nobody_can_choose_the_name_of_anothers_child(
    namer: Callable[[str], str], name: str
) -> None:
    """A HelloWorld with the name that another one's child got by being cut gets one of its own."""
    suffix = namer("x").removeprefix("x")
    chosen = namer(name).removesuffix(suffix)
    assert chosen == name or namer(chosen) != namer(name)


def test_a_name_that_fits_is_kept() -> None:
    assert child_name("hello") == "hello"
    assert child_name("x" * 63) == "x" * 63
    assert claim_name("hello") == "hello-data"
    assert claim_name("x" * 58) == "x" * 58 + "-data"
    assert snapshot_child_name("last-night") == "last-night-snapshot"


@every_namer
def test_long_names_that_differ_at_the_end_get_different_children(
    namer: Callable[[str], str],
) -> None:
    assert namer("x" * 252 + "a") != namer("x" * 252 + "b")


def test_names_of_released_operators_never_change() -> None:
    # A Deployment's selector cannot be changed: another result would break every such object, and
    # another claim would be an empty volume.
    assert child_name("a.b") == "a-b-2e7336dc8e"
    assert child_name("1") == "hw-1-6b86b273ff"
    assert child_name("x" * 253) == "x" * 52 + "-1329e1bd71"
    assert child_name("a-b-2e7336dc8e") == "a-b-2e7336dc8e-40284ecca5"
    assert claim_name("a.b") == "a-b-2e7336dc8e-data"
    assert claim_name("x" * 253) == "x" * 47 + "-1329e1bd71-data"
    assert snapshot_child_name("x" * 253) == "x" * 43 + "-1329e1bd71-snapshot"
    assert restore_name("x" * 253) == "x" * 44 + "-1329e1bd71-restore"
    assert suffixed("x" * 253, "what") == "x" * 237 + "-1329e1bd71-what"
    assert selector_labels("hello") == {
        "app.kubernetes.io/name": "helloworld",
        "app.kubernetes.io/instance": "hello",
    }


def test_the_selector_text_is_what_kubectl_takes() -> None:
    expected = "app.kubernetes.io/instance=hello,app.kubernetes.io/name=helloworld"
    assert selector_text(selector_labels("hello")) == expected
