"""A skipRange means what it means to OLM."""

import pytest

from kopfkit.ranges import Range


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=0.2.0 <0.4.0", ["0.2.0", "0.3.9", "0.4.0-rc.1"], ["0.1.9", "0.4.0", "0.2.0-rc.1"]),
        ("1.2.3", ["1.2.3"], ["1.2.4"]),
        ("=1.2.3 || ==2.0.0", ["1.2.3", "2.0.0"], ["1.2.4"]),
        (">1.0.0 <3.0.0 !2.0.3-beta.2", ["2.0.3"], ["2.0.3-beta.2", "3.0.0"]),
        ("<2.0.0 || >=3.0.0 !=4.2.1", ["1.0.0", "3.1.1", "1.9.9"], ["2.1.1", "4.2.1"]),
        (">= 1.0.0 < 2.0.0", ["1.5.0"], ["2.0.0"]),
        ("1.x", ["1.0.0", "1.9.9"], ["2.0.0", "0.9.0"]),
        ("1.2.x", ["1.2.9"], ["1.3.0", "1.1.9"]),
        (">1.2.x", ["1.3.0"], ["1.2.9"]),
        ("<=1.x", ["1.9.9", "0.1.0"], ["2.0.0"]),
        ("<1.2.x", ["1.1.9"], ["1.2.0"]),
    ],
)
def test_versions_are_in_a_range_or_not(text: str, inside: list[str], outside: list[str]) -> None:
    assert [version for version in inside if version not in Range(text)] == []
    assert [version for version in outside if version in Range(text)] == []


@pytest.mark.parametrize(
    "text", ["", " ", "soon", ">=0.1", "~1.2.0", "^1.0.0", ">=1.0.0 ||", "|| 1.0.0", "1.0.0,2.0.0"]
)
def test_what_olm_cannot_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not read|is empty|is no version"):
        Range(text)
