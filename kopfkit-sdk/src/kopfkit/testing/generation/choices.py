"""Where the chance in generated objects comes from.

A generator asks a `Choices` for every decision. With Hypothesis each is a draw, which shrinks
towards the first alternative and the lowest number; with `random` it is fast.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from hypothesis import reject
from hypothesis import strategies as st

T = TypeVar("T")

# Characters that programs trip over: JSON's and HTML's own signs, JSON pointer's, U+2028 (which Go
# escapes), beyond the Basic Multilingual Plane, combining, right to left, DEL, the last one.
ODD = "\"\\/<>&'~\u0001\t\n\u007f\u0085\u2028\u0301\u202e\ufeff\ufffd\U0001f600\U0010ffff你ß"


class Unlucky(Exception):
    """What was chosen leads nowhere; choose again."""


class Choices(Protocol):
    """A source of decisions."""

    def integer(self, low: int, high: int) -> int:
        """A number from low to high, both included; the ends come up often."""

    def one_of(self, options: Sequence[T]) -> T:
        """One of the options; the simplest first."""

    def chance(self, percent: int) -> bool:
        """True about so often."""

    def character(self) -> str:
        """A Unicode character except NUL and surrogates."""

    def number(self) -> float:
        """A finite double."""

    def give_up(self) -> None:
        """Abandon this object; never returns."""


class DrawnChoices:
    """Decisions drawn from Hypothesis."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        drawn: int = self._draw(st.integers(low, high))
        return drawn

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)] if len(options) > 1 else options[0]

    def chance(self, percent: int) -> bool:
        return self.integer(0, 99) >= 100 - percent

    def character(self) -> str:
        drawn: str = self._draw(_CHARACTERS)
        return drawn

    def number(self) -> float:
        drawn: float = self._draw(st.floats(allow_nan=False, allow_infinity=False))
        return drawn

    def give_up(self) -> None:
        reject()


_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


class RandomChoices:
    """Decisions of a seeded generator: the same seed makes the same objects."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        dice = self._random.random()
        if dice < 0.15:
            return low
        if dice < 0.3:
            return high
        span = high - low + 1
        # A double is exact enough for what is small, and a tenth of the cost.
        if span < 2**40:
            return low + int(self._random.random() * span)
        return self._random.randint(low, high)

    def one_of(self, options: Sequence[T]) -> T:
        return options[int(self._random.random() * len(options))]

    def chance(self, percent: int) -> bool:
        return self._random.random() * 100 < percent

    def character(self) -> str:
        dice = self._random.random()
        if dice < 0.6:
            return chr(32 + int(dice / 0.6 * 95))
        if dice < 0.9:
            return self.one_of(ODD)
        code = self._random.randint(1, 0x10FFFF - 2048)
        return chr(code if code < 0xD800 else code + 2048)

    def number(self) -> float:
        return self._random.choice((0.5, -1.25, 1e300, 5e-324, 0.1, self._random.uniform(-9, 9)))

    def give_up(self) -> None:
        raise Unlucky
