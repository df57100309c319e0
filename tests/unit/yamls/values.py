"""What a manifest may hold, to write and to read back."""

from hypothesis import strategies as st

from .agreed import SCALARS

# Text in any script, what YAML gives a meaning to, and controls.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cn"])
    | st.sampled_from("\n\t :#-'\"{}[]&*!|>%@`=<~,?\\\r\0\x85\u2028\ufeff"),
    max_size=12,
) | st.sampled_from(sorted(text for text in SCALARS if len(text) < 100))
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(
    allow_nan=False, allow_infinity=False
).filter(
    # A whole number is an integer when it comes back.
    lambda number: not number.is_integer() or abs(number) >= 1e21
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
