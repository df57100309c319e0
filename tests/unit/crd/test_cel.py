"""Rules evaluate as the CEL specification and Kubernetes' libraries say."""

from decimal import Decimal
from typing import Any

import pytest

from kopfkit.crd.cel import UnsupportedRule, compile_rule, python_regex
from kopfkit.quantities import parse_quantity, resource_quantity

HOLDS: list[tuple[str, Any]] = [
    ("self == 1", 1),
    ("self == 1.0", 1),
    ("self != true", 1),
    ("self == null", None),
    ("1 + 2 * 3 == 7 && -self - 1 == -3", 2),
    ("-7 / 2 == -3 && -7 % 2 == -1 && 7 / -2 == -3", None),
    ("self > 1 ? self < 3 : false", 2),
    ("self.a.b == 'x'", {"a": {"b": "x"}}),
    ("has(self.a) && !has(self.b)", {"a": None}),
    ("self['a/b'] == 1 && 'a/b' in self", {"a/b": 1}),
    (
        "self.a__dash__b == 1 && self.c__dot__d == 2 && self.__namespace__ == 3",
        {"a-b": 1, "c.d": 2, "namespace": 3},
    ),
    ("self[0] == 'a' && size(self) == 2 && self.size() == 2", ["a", "b"]),
    ("self.all(x, x > 0) && self.exists(x, x == 2) && self.exists_one(x, x == 1)", [1, 2]),
    ("self.map(x, x * 2) == [2, 4] && self.map(x, x > 1, x) == [2]", [1, 2]),
    ("self.filter(x, x > 1) == [2]", [1, 2]),
    ("self.all(key, key.startsWith('a'))", {"ab": 1, "ac": 2}),
    ("self in ['a', \"b\"] || self == r'\\d'", "b"),
    ("self.matches('^a+$')", "aaa"),
    ("!self.matches('^a$')", "a\n"),
    ("self.matches('[0-9]')", "x7y"),
    ("!self.matches('\\\\d')", "\u0663"),
    ("self.contains('b') && self.endsWith('c') && self.lowerAscii() == 'abc'", "Abc"),
    ("self.split('.').join('-') == 'a-b' && self.indexOf('.') == 1", "a.b"),
    ("self.substring(1) == 'bc' && self.substring(0, 1) == 'a'", "abc"),
    ("type(self) == string ? true : self >= 0", "x"),
    ("string(self) == '7' && int('7') == self && double('7.0') == 7.0", 7),
    ("isQuantity(self) && quantity(self).compareTo(quantity('1Gi')) == 0", "1024Mi"),
    ("quantity(self).isGreaterThan(quantity('0')) && !quantity(self).isInteger()", "500m"),
    ("quantity(self).add(quantity('1')).sub(1).asInteger() == 2000", "2k"),
    ("'\\u4f60' == self", "你"),
    ("self.isSorted() && self.sum() == 3 && self.max() == 2", [1, 2]),
    # An error beside what decides is no error, whichever comes first.
    ("self.missing == 1 || true", {}),
    ("true || self.missing == 1", {}),
    ("!(self.missing == 1 && false)", {}),
    ("self.exists(x, x == 1)", ["text", 1]),
    ("{'a': 1}['a'] == 1 && {} == {}", None),
]
BREAKS: list[tuple[str, Any]] = [
    ("self.missing == 1", {}),
    ("self == 1", True),
    ("self < 'a'", 1),
    ("self / 0 == 0", 1),
    ("self + 1 > 0", 2**63 - 1),
    ("self[2] == 1", [1]),
    ("self", "true"),
    ("quantity(self) == quantity(self)", "1 Gi"),
    ("self.all(x, x > 0)", ["text"]),
    ("self.contains(1)", "a"),
]


@pytest.mark.parametrize(("rule", "value"), HOLDS)
def test_a_rule_holds(rule: str, value: Any) -> None:
    assert compile_rule(rule).holds(value)


@pytest.mark.parametrize(("rule", "value"), BREAKS)
def test_a_rule_that_is_false_or_has_no_value_does_not_hold(rule: str, value: Any) -> None:
    assert not compile_rule(rule).holds(value)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("self ==", "cannot be read at its end"),
        ("self == 'a", "cannot be read at"),
        ("self == 1 1", "cannot be read at '1'"),
        ("self.getFullYear() == 1", r"uses getFullYear\(\)"),
        ("duration(self) > duration('1h')", r"uses duration\(\)"),
        ("other == 1", "uses the name other"),
        ("self == b'x'", "has bytes"),
        ("self == '\\q'", "unknown escape"),
        ("self.all(x.y, true)", "cannot be read|in a form"),
    ],
)
def test_what_is_no_rule_or_not_known_is_refused_with_the_reason(rule: str, why: str) -> None:
    with pytest.raises(UnsupportedRule, match=why):
        compile_rule(rule)


def test_a_rule_about_a_change_sees_both_values() -> None:
    rule = compile_rule("self == oldSelf")
    assert rule.uses_old
    assert rule.holds(1, 1)
    assert not rule.holds(1, 2)


def test_the_texts_of_a_rule_are_known() -> None:
    rule = compile_rule("self.all(k, k in ['cpu', 'memory'] || k.contains('/'))")
    assert set(rule.literals) == {"cpu", "memory", "/"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("1", 1), ("1.5", 1.5), (".5", 0.5), ("1.", 1), ("+2", 2), ("-3k", -3000), ("1e3", 1000)],
        *[
            ("1Ki", 1024),
            ("1k", 1000),
            ("500m", 0.5),
            ("1E", 10**18),
            ("2E2", 200),
            ("0.5Gi", 2**29),
        ],
        *[("99E", 99 * 10**18), ("-99E", -99 * 10**18), ("1e200", 10**200)],
        *[("99Ei", 2**63 - 1), ("-99Ei", 1 - 2**63), ("1e-9999", 1e-9), ("8Ei", 2**63 - 1)],
        *[(text, None) for text in ("", "1 Gi", "Gi", "1KI", "0x1", "1ki", "one", ".", "1\n")],
    ],
)
def test_quantities_are_read_as_the_api_server_reads_them(text: str, number: Any) -> None:
    assert parse_quantity(text) == (None if number is None else Decimal(str(number)))


@pytest.mark.parametrize(
    ("value", "number"),
    [("100u", "0.001"), (0.0015, "0.002"), ("-1n", "-0.001"), ("3u", "0.001"), (2, "2")],
)
def test_a_resource_list_keeps_no_quantity_finer_than_a_milli(value: Any, number: str) -> None:
    assert resource_quantity(value) == Decimal(number)
    assert resource_quantity("1..2") is None


def test_what_is_finer_than_a_nano_is_rounded_up() -> None:
    assert parse_quantity("0.1n") == parse_quantity("1n")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a$", "a\n", False),
        ("^[[]a]$", "[a]", True),
        ("^[]a]+$", "]a", True),
        ("^[^]]$", "]", False),
        (r"^\$\[$", "$[", True),
        ("^[$]$", "$", True),
        (r"a\z", "a\n", False),
        (r"^\w$", "ß", False),
    ],
)
def test_patterns_mean_what_they_mean_in_go(pattern: str, text: str, found: bool) -> None:
    assert bool(python_regex(pattern).search(text)) is found
