"""Bytes as Go's encoding/json writes them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kopfkit.migration.gojson import encode

# What `json.Marshal` of Go 1.24 prints for these float64 values.
FLOATS = [
    (0.0, "0"),
    (-0.0, "-0"),
    (1.0, "1"),
    (0.1, "0.1"),
    (-2.5, "-2.5"),
    (100.0, "100"),
    (123456789.125, "123456789.125"),
    (1e16, "10000000000000000"),
    (1.5e20, "150000000000000000000"),
    (1e21, "1e+21"),
    (1.25e21, "1.25e+21"),
    (-1e100, "-1e+100"),
    (1e-6, "0.000001"),
    (1.5e-6, "0.0000015"),
    (1e-7, "1e-7"),
    (1.5e-7, "1.5e-7"),
    (1e-10, "1e-10"),
    (5e-324, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
]


@pytest.mark.parametrize(("value", "text"), FLOATS)
def test_floats_have_the_form_that_go_gives_them(value: float, text: str) -> None:
    assert encode(value) == text.encode()


def test_what_html_could_read_is_escaped() -> None:
    assert encode({"<": "a>b&\u2028\u2029é"}) == rb'{"\u003c":"a\u003eb\u0026\u2028\u2029' + (
        'é"}'.encode()
    )


VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    # The API server reads what it has stored as -0 back as 0.
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=15,
)


@given(VALUES)
def test_what_was_read_is_written_as_it_was(value: Any) -> None:
    written = encode(value)
    assert encode(msgspec.json.decode(written)) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_as_the_same(value: float) -> None:
    assert float(encode(value)) == value


def test_a_number_that_json_has_no_form_for_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        encode({"a": [float("inf")]})
