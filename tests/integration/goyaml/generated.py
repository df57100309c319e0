"""Documents to ask Go about: short scalars, numbers, and pieces of YAML in any order."""

import itertools
import random
from collections.abc import Iterator

# What decides between string, number, bool and null.
_LETTERS = "0179axXoObB_+-.:eEyn~=<"
_DIGITS = "0123456789.eE-+_"
_CONTEXTS = (
    "{}", "- {}", "{}: v", "[{}]", "{{k: {}}}", "'{}'", '"{}"', "- !!int {}", "- !!float {}",
    "- !!bool {}", "- !!null {}", "- !!str {}", "- !!int '{}'", "- !foo {}", "- ! {}",
    "{{? {} : x}}", "- &a {}\n- *a", "&a {} : 1\nb: *a", "? {}\n: 1",
)  # fmt: skip
# No `---` and `...`: Go reads a stream's first document only.
_PIECES = (
    "a", "b", "k", "1", "true", "no", "''", '"x"', "'1'", "~", "<<", "=", "*a", "&a ", "*b", "&b ",
    "!!int ", "!!str ", "!foo ", ": ", ":", "- ", "-", "\n", "\n  ", "\n    ", "? ", "{", "}",
    "[", "]", ", ", ",", "|\n", "|-\n", ">\n", ">+\n", " # c", "#", "%", "@", "`", "\t", " ", "  ",
    "\\", "\r\n", "é", "\u2028", "\x85", "x: ", "<<: ", "12:30:45",
    "- &a {k: 1, <<: *b}\n", "<<: [*a]",
)  # fmt: skip


def short_scalars() -> Iterator[str]:
    """A mapping with each scalar of up to three of the letters as its value."""
    for length in (1, 2, 3):
        for letters in itertools.product(_LETTERS, repeat=length):
            yield f"k: {''.join(letters)}"


def in_contexts(scalars: list[str]) -> Iterator[str]:
    """Each of the scalars as value, key, in a flow, quoted, tagged, aliased."""
    for scalar, context in itertools.product(scalars, _CONTEXTS):
        yield context.format(scalar)


def numbers(count: int, seed: int) -> Iterator[str]:
    """Random texts of a number's characters, as a value and as a key."""
    source = random.Random(seed)
    for _ in range(count):
        text = "".join(source.choice(_DIGITS) for _ in range(source.randint(3, 24)))
        yield f"k: {text}"
        yield f"{text}: 1"


def documents(count: int, seed: int) -> Iterator[str]:
    """Pieces of YAML in any order; about a third are YAML."""
    source = random.Random(seed)
    for _ in range(count):
        yield "".join(source.choice(_PIECES) for _ in range(source.randint(2, 9)))
