"""Texts and what sigs.k8s.io/yaml makes of them; tests/integration/goyaml asks it about each."""

from typing import Any

# A plain scalar -> its value.
SCALARS: dict[str, Any] = {
    # What PyYAML has no value for, or another one.
    "=": "=",
    "<<": "<<",
    "2026-08-21": "2026-08-21",
    "2026-08-21 00:19:00": "2026-08-21 00:19:00",
    "2026-08-21T00:19:00Z": "2026-08-21T00:19:00Z",
    "12:30:45": "12:30:45",
    "1:30.5": "1:30.5",
    "y": True,
    "N": False,
    "1e3": 1000,
    "1.": 1,
    ".5": 0.5,
    "+.5": 0.5,
    "0o7": 7,
    "0O17": 15,
    "0X1F": 31,
    "0b-1": -1,
    "08": 8,
    "0_7": 7,
    # What both read alike.
    "yes": True,
    "Off": False,
    "tRUE": "tRUE",
    "~": None,
    "": None,
    "nULL": "nULL",
    "0777": 511,
    "0x1F": 31,
    "-0b11": -3,
    "1_000": 1000,
    "_1": "_1",
    # A whole number is an integer, as in the JSON that Go makes of it.
    "1.0": 1,
    "-0.0": 0,
    "1e20": 10**20,
    "1e21": 1e21,
    # The limits of Go's integers; what is beyond is a float, with a float's digits.
    "9223372036854775808": 2**63,
    "18446744073709551615": 2**64 - 1,
    "18446744073709551616": 18446744073709552000,
    "-9223372036854775809": -9223372036854776000,
    "+18446744073709551615": 18446744073709552000,
    "0x10000000000000000": "0x10000000000000000",
    "1e400": "1e400",
    ".1_5": 0.15,
    ".1__5": ".1__5",
    "1" * 5000: "1" * 5000,
}

# A document -> its value.
DOCUMENTS: dict[str, Any] = {
    # Keys are strings, written as Go writes them.
    "1: a": {"1": "a"},
    "yes: a": {"true": "a"},
    "0x10: a": {"16": "a"},
    "1e6: a": {"1e+06": "a"},
    "0.123456789: a": {"0.12345679": "a"},
    "2026-08-21: a": {"2026-08-21": "a"},
    "'<<': a": {"<<": "a"},
    # Tags.
    "!!str 12": "12",
    "!!int '12'": 12,
    "!!float 1": 1,
    "! 12": "12",
    "!Ref x": "x",
    "!!binary aGk=": "hi",
    "!!binary /+KC": "\ufffd\ufffd\ufffd",
    "!!timestamp 2026-08-21": "2026-08-21",
    "!!set {a}": {"a": None},
    # Anchors and merge keys.
    "a: &x 1\nb: *x": {"a": 1, "b": 1},
    "a: &x 1\nb: &x 2\nc: *x": {"a": 1, "b": 2, "c": 2},
    "a: &x {b: &x 1}\nc: *x": {"a": {"b": 1}, "c": 1},
    "- &x {a: 1, b: 1}\n- {<<: *x, b: 2}": [{"a": 1, "b": 1}, {"a": 1, "b": 2}],
    "- &x {a: 1, b: 1}\n- {b: 2, <<: *x}": [{"a": 1, "b": 1}, {"a": 1, "b": 1}],
    "- &x {a: 1}\n- &y {a: 2}\n- {<<: [*x, *y]}": [{"a": 1}, {"a": 2}, {"a": 1}],
    "<<: {a: 1}": {"a": 1},
    # Line breaks and a byte order mark.
    "a: |\r\n  x\r\n  y\r\nb: 1\r\n": {"a": "x\ny\n", "b": 1},
    "\ufeffa: 1": {"a": 1},
    '{"a": [1.0, "\\u00e9", null]}': {"a": [1, "é", None]},
}

# A document that is refused, and in which line.
REFUSED: dict[str, int] = {
    "a: .nan": 1,
    "a: -.inf": 1,
    "a:\n  - .inf": 2,
    "~: a": 1,
    "? [a]\n: b": 1,
    "18446744073709551615: a": 1,
    "a: !!int x": 1,
    "a: !!float 18446744073709551615": 1,
    "a: !!bool 1": 1,
    "a: !!null x": 1,
    "a: !!binary '?'": 1,
    "a: *x": 1,
    "a: &x\n  b: *x": 2,
    "<<: 1": 1,
    "<<: [1]": 1,
    "- &x [{a: 1}]\n- <<: *x": 2,
    "a: 1\n\tb: 2": 2,
    "a: [1\nb: 2": 2,
    "a: 'x": 1,
    "a: x: y": 1,
    "a: @x": 1,
    "a: \x07": 1,
    "%YAML 2.0\n---\na: 1": 1,
}
